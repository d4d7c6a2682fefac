import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMlflow } from './mlflow-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };
const root = fileURLToPath(new URL('../..', import.meta.url));

/** The blocks of a guide that ask for a server. */
async function snippetsOf(guide: string): Promise<string[]> {
  const markdown = await readFile(`${root}docs/tracking/${guide}.md`, 'utf8');
  return [...markdown.matchAll(/^```ts mlflow\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
}

describe.skipIf(missing !== undefined)('the guides, on a real MLflow server', () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;
  let folder: string;

  beforeAll(async () => {
    // Inside the repository, so that the snippets find the packages as a user's code does, and built as a user gets them.
    await mkdir(`${root}test/.cache`, { recursive: true });
    folder = await mkdtemp(`${root}test/.cache/guides-`);
    await writeFile(`${folder}/package.json`, '{ "type": "module" }');
    await writeFile(`${folder}/tsconfig.json`, JSON.stringify({ extends: '../../../tsconfig.dist.json' }));
    await cp(`${root}examples/models/digits-v2.onnx`, `${folder}/digits.onnx`);
    server = await startMlflow(command);
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const run = async (code: string): Promise<void> => {
    await writeFile(
      `${folder}/snippet.ts`,
      code.replaceAll(/http:\/\/(mlflow\.example|127\.0\.0\.1):5000/g, server.url),
    );
    const tsx = `${root}node_modules/tsx/dist/cli.mjs`;
    const { stderr } = await promisify(execFile)(process.execPath, [tsx, 'snippet.ts'], {
      cwd: folder,
      timeout: 60_000,
      env: { ...process.env, MLFLOW_TRACKING_USERNAME: '', MLFLOW_TRACKING_PASSWORD: '', MLFLOW_TRACKING_TOKEN: '' },
    });
    expect(stderr).toBe('');
  };

  it('each snippet about MLflow runs', { timeout: 180_000 }, async () => {
    const snippets = await snippetsOf('mlflow');
    expect(snippets).toHaveLength(3);
    for (const snippet of snippets) await run(snippet);
  });

  it('those about sending later and leaving run one after another', { timeout: 90_000 }, async () => {
    const snippets = await snippetsOf('sync');
    expect(snippets).toHaveLength(2);
    await run(`${snippets.join('\n')}\nif (failed.length > 0 || report.failed.length > 0) throw new Error('failed');`);
  });
});
