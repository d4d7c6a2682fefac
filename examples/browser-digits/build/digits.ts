import { readFile } from 'node:fs/promises';
import { fitReference, serializeReference } from '@fairlead/core/monitoring';
import type { Plugin } from 'vite';

const models = new URL('../../models/', import.meta.url);
const name = 'digits-v2';
const pixelCount = 64;
/** Rows that are shipped to be fed: so many that none has to come twice soon, which a drift monitor would notice. */
const sampleRows = 200;
const virtualModule = 'virtual:digits';

interface Manifest {
  readonly models: readonly { readonly file: string; readonly bytes: number; readonly sha256: string }[];
}

/**
 * Gives the page its model and what travels with it: the golden rows, and a reference that is fitted from the training rows
 * here, so that the page gets the distribution of each pixel (15 kB) and none of the rows.
 */
export function digits(): Plugin {
  return {
    name: 'digits',
    resolveId: (id) => (id === virtualModule ? `\0${virtualModule}` : undefined),
    load: (id) => (id === `\0${virtualModule}` ? facts() : undefined),
    async generateBundle() {
      for (const [fileName, source] of await files()) this.emitFile({ type: 'asset', fileName, source });
    },
    async configureServer(server) {
      const served = await files();
      server.middlewares.use((request, response, next) => {
        const bytes = served.get((request.url ?? '').replace(/^\//, '').replace(/\?.*/, ''));
        if (bytes === undefined) next();
        else response.end(bytes);
      });
    },
  };
}

async function facts(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('digits.json', models), 'utf8')) as Manifest;
  const model = manifest.models.find(({ file }) => file === `${name}.onnx`);
  if (model === undefined) throw new Error(`examples/models/digits.json: expected a model with the file ${name}.onnx`);
  const rows = await table('digits-test.csv');
  const samples = rows.slice(0, sampleRows).map((row) => row.map((value) => value.toString(17)).join(''));
  return Object.entries({
    modelUrl: `models/${name}.onnx`,
    modelDigest: model.sha256,
    modelBytes: model.bytes,
    samples,
  })
    .map(([key, value]) => `export const ${key} = ${JSON.stringify(value)};`)
    .join('\n');
}

async function files(): Promise<ReadonlyMap<string, Uint8Array>> {
  const rows = (await table('digits-train.csv')).map((row) => Float32Array.from(row.slice(0, pixelCount)));
  const reference = await fitReference(rows, { inputs: ['pixels'] });
  return new Map([
    [`models/${name}.onnx`, await readFile(new URL(`${name}.onnx`, models))],
    [`models/${name}.golden.json`, await readFile(new URL(`${name}.golden.json`, models))],
    [`models/${name}.reference.json`, serializeReference(reference)],
  ]);
}

/** The rows of a file: 64 pixels from 0 to 16, then the digit. */
async function table(file: string): Promise<number[][]> {
  const [, ...lines] = (await readFile(new URL(file, models), 'utf8')).trim().split('\n');
  return lines.map((line) => line.split(',').map(Number));
}
