import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { remote } from '@fairlead/core/remote';
import { checkServer } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareMlserver } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlserver() };
const model = fileURLToPath(new URL('mlserver_echo.py', import.meta.url));

const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 2] });
const modelSettings = {
  name: 'double',
  implementation: 'mlserver_echo.Double',
  parameters: { version: 'v1' },
  inputs: [tensor('x')],
  outputs: [tensor('y')],
};
const settings = { host: '127.0.0.1', http_port: 0, grpc_port: 0, metrics_endpoint: null, parallel_workers: 0 };

describe.skipIf(missing !== undefined)('a real MLServer', { timeout: 120_000 }, () => {
  let folder: string;
  let server: ChildProcess | undefined;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-mlserver-'));
    await cp(model, join(folder, 'mlserver_echo.py'));
    await writeFile(join(folder, 'model-settings.json'), JSON.stringify(modelSettings));
    await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
    const started = spawn(command, ['-m', 'mlserver.cli.main', 'start', folder], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONPATH: folder, NO_COLOR: '1' },
    });
    server = started;
    url = await new Promise<string>((resolve, reject) => {
      let log = '';
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (piece: Buffer) => {
          log = (log + piece.toString()).slice(-8000);
          const [, found] = /Uvicorn running on (http:\/\/127\.0\.0\.1:\d+)/.exec(log) ?? [];
          if (found !== undefined) resolve(found);
        });
      }
      started.once('exit', () => reject(new Error(`MLServer ended: ${log}`)));
    });
    // It listens before its models are loaded.
    const isReady = async () => expect((await fetch(`${url}/v2/models/double/ready`)).status).toBe(200);
    await vi.waitFor(isReady, { timeout: 60_000 });
  }, 180_000);

  afterAll(async () => {
    if (server?.exitCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('answers our remote runner', async () => {
    const runner = await remote({ url, model: 'double' });
    const answers = await Promise.all([1, 2, 3].map((value) => runner.run({ x: Float32Array.of(value, -value) })));
    for (const [index, { outputs }] of answers.entries())
      expect(outputs.y?.data).toEqual(Float32Array.of(2 * (index + 1), -2 * (index + 1)));
    await runner.close();
  });

  it('keeps what the checker asks of every answer, and not what it asks of every refusal', async () => {
    const { checks, passes } = await checkServer(url, { model: 'double' });
    const broken = checks.filter(({ outcome }) => outcome === 'fail');
    expect(
      checks.filter(({ group }) => group === 'infer' || group === 'model').map(({ outcome }) => outcome),
    ).not.toContain('fail');
    // It answers 422 with "detail" where the protocol asks for "error", and 500 with a traceback for data that does not fit.
    expect(passes).toBe(false);
    expect(new Set(broken.map(({ group }) => group))).toEqual(new Set(['errors']));
    expect(broken.map(({ name }) => name)).toContain('text that is no JSON');
    expect(checks.filter(({ group }) => group === 'binary').map(({ outcome }) => outcome)).not.toContain('pass');
  });
});
