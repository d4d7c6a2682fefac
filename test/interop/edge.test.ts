import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { FairleadError } from '@fairlead/core';
import { openInferenceClient, remote } from '@fairlead/core/remote';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { computeDigits } from '../browser/digits';
import { bundleForEdge } from '../edge/bundle';
import { expectedFindings } from '../edge/findings';
import { type Peer, prepareBun, prepareDeno, prepareWorkerd } from './setup';

/*
 * The built packages in other runtimes, each with its own `fetch` handler on the loopback, asked by our remote runner from
 * Node: in workerd as one bundled module, in Deno and Bun as they lie in node_modules.
 */

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));
const model = join(repository, 'examples/models/digits-v2.onnx');
const program = join(repository, 'test/edge/program.ts');

interface Server {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Reads lines of JSON until one names a port. */
async function portFrom(output: Readable): Promise<number> {
  for await (const line of createInterface({ input: output })) {
    const { port } = JSON.parse(line) as { port?: number };
    if (port !== undefined) return port;
  }
  throw new Error('The runtime ended before it listened.');
}

async function start(child: ChildProcess, announced: Readable): Promise<Server> {
  const said: string[] = [];
  child.stderr?.on('data', (chunk) => void said.push(String(chunk)));
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  const failed = new Promise<never>((_resolve, reject) => void child.once('error', reject));
  try {
    const port = await Promise.race([portFrom(announced), failed]);
    return {
      url: `http://127.0.0.1:${port}`,
      async stop() {
        child.kill('SIGKILL');
        await ended;
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`The runtime did not start: ${said.join('')}`, { cause: error });
  }
}

async function startWorkerd(command: string, folder: string): Promise<Server> {
  const { code, imports } = await bundleForEdge(
    `import { handle } from ${JSON.stringify(program)};
    export default { fetch: (request) => handle(request) };`,
    'es',
    ['echarts'],
  );
  expect(imports.filter((module) => !module.startsWith('echarts/'))).toEqual([]);
  await writeFile(join(folder, 'worker.js'), code);
  await writeFile(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [(name = "main", worker = (
        modules = [(name = "worker.js", esModule = embed "worker.js")],
        compatibilityDate = "2026-11-01",
      ))],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );`,
  );
  // It tells its port on a descriptor of its own.
  const stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe', 'pipe'];
  const child = spawn(command, ['serve', 'config.capnp', '--control-fd=3'], { cwd: folder, stdio });
  return start(child, child.stdio[3] as Readable);
}

/** Lays the packages beside a server as npm would, with no TypeScript paths that lead to their sources. */
async function layApp(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules/@fairlead'), { recursive: true });
  for (const name of ['core', 'node']) {
    await symlink(join(repository, 'packages', name), join(folder, 'node_modules/@fairlead', name), 'junction');
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'tsconfig.json'), '{}');
  await copyFile(program, join(folder, 'program.ts'));
  await copyFile(join(here, 'edge-server.mjs'), join(folder, 'edge-server.mjs'));
}

async function startApp(command: string, args: readonly string[], folder: string): Promise<Server> {
  await layApp(folder);
  const child = spawn(command, [...args, 'edge-server.mjs', model], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  return start(child, child.stdout);
}

const startBun = (command: string, folder: string): Promise<Server> =>
  startApp(command, ['--tsconfig-override=./tsconfig.json'], folder);

/** With no more rights than a server needs; a native runtime needs those of foreign functions too. */
const startDeno = (command: string, folder: string): Promise<Server> => {
  const rights = ['--allow-net=127.0.0.1', '--allow-read', '--allow-env', '--allow-sys', '--allow-ffi'];
  return startApp(command, ['run', '--no-prompt', '--no-remote', '--node-modules-dir=manual', ...rights], folder);
};

const runtimes: readonly {
  readonly name: string;
  readonly prepare: () => Peer;
  readonly launch: (command: string, folder: string) => Promise<Server>;
  readonly native: boolean;
}[] = [
  { name: 'workerd', prepare: prepareWorkerd, launch: startWorkerd, native: false },
  { name: 'Deno', prepare: prepareDeno, launch: startDeno, native: true },
  { name: 'Bun', prepare: prepareBun, launch: startBun, native: true },
];

for (const { name, prepare, launch, native } of runtimes) {
  const peer = prepare();
  describe.skipIf(peer.missing !== undefined)(name, () => {
    let folder: string;
    let server: Server | undefined;

    const connect = (encoding: 'binary' | 'json') =>
      remote({ url: server?.url ?? '', model: 'double', protocol: openInferenceClient({ encoding }) });

    beforeAll(async () => {
      if (peer.missing !== undefined) return;
      await mkdir(join(repository, '.cache/interop'), { recursive: true });
      folder = await mkdtemp(join(repository, '.cache/interop/edge-'));
      server = await launch(peer.command, folder);
    });

    afterAll(async () => {
      await server?.stop();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });

    test('runner, batcher, metrics, monitor, handler, remote runner and cascade compute there', async () => {
      expect(await (await fetch(`${server?.url}/exercise`)).json()).toEqual(expectedFindings);
    });

    test.each(['binary', 'json'] as const)('our remote runner is answered by its server (%s)', async (encoding) => {
      const runner = await connect(encoding);
      const rows = Array.from({ length: 64 }, (_, index) => Float32Array.of(index / 3, -index));
      const answers = await Promise.all(rows.map((row) => runner.run({ x: row })));
      expect(answers.map(({ outputs }) => outputs.y?.data)).toEqual(rows.map((row) => row.map((value) => value * 2)));
      expect(answers[0]?.model).toMatchObject({ name: 'double', version: '1' });
      await runner.close();
    });

    test('what it refuses arrives as the same error', async () => {
      const wrong = await remote({ url: server?.url ?? '', model: 'triple' }).catch((error: unknown) => error);
      expect(FairleadError.isInstance(wrong) && wrong.code).toBe('NOT_FOUND');
      const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }] });
      const refused = await fetch(`${server?.url}/v2/models/double/infer`, { method: 'POST', body });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ code: 'INVALID_INPUT' });
    });

    if (native)
      test('serves a model by onnxruntime-node, with the answers that Node gives', async () => {
        const digits = await computeDigits('digits-v2.onnx', 50);
        const runner = await remote({ url: `${server?.url}/native`, model: 'digits' });
        const { outputs } = await runner.run({ pixels: Float32Array.from(digits.pixels) });
        expect(Array.from(outputs.label?.data ?? [], Number)).toEqual(digits.labels);
        expect(Array.from((outputs.probabilities?.data ?? []) as Float32Array)).toEqual(digits.probabilities);
        await runner.close();
      });
  });
}
