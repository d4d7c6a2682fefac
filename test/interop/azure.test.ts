import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FairleadError, ModelRunner } from '@fairlead/core';
import { azureClient, remote } from '@fairlead/core/remote';
import { azureMl } from '@fairlead/core/serving';
import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doubleRunner } from './scoring-server';
import { prepareAzureServer } from './setup';

const { command = '', missing } = { command: undefined, ...prepareAzureServer() };
const script = fileURLToPath(new URL('azure_server.py', import.meta.url));

describe.skipIf(missing !== undefined)("Azure ML's own inference server", { timeout: 120_000 }, () => {
  let folder: string;
  let child: ChildProcess | undefined;
  let theirs: string;
  let local: ModelRunner;
  let server: Server;

  beforeAll(async () => {
    local = await doubleRunner();
    server = await serve(local, { port: 0, drainDelayMs: 0, protocols: [azureMl()] });
    folder = await mkdtemp(join(tmpdir(), 'fairlead-azure-'));
    const started = spawn(command, [script, folder], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    child = started;
    const port = await new Promise<string>((resolve, reject) => {
      createInterface({ input: started.stdout }).on('line', (line) => /^\d+$/.test(line) && resolve(line));
      started.once('exit', (code) => reject(new Error(`Azure ML's server ended with ${code}`)));
    });
    theirs = `http://127.0.0.1:${port}`;
  }, 120_000);

  afterAll(async () => {
    if (child?.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await server?.close();
    await local?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('answers our remote runner, and refuses as it does', async () => {
    const { signature } = local;
    const runner = await remote({ url: `${theirs}/score`, model: 'double', signature, protocol: azureClient() });
    const x = Float32Array.of(1.5, -2, 1e-9, 4);
    const { outputs } = await runner.run({ x });
    expect(outputs.y).toEqual({ dtype: 'float32', shape: [2, 2], data: x.map((value) => value * 2) });
    await runner.close();
    const elsewhere = await remote({ url: `${theirs}/nowhere`, model: 'm', signature, protocol: azureClient() });
    expect(await elsewhere.run({ x }).catch((error: FairleadError) => error)).toMatchObject({ code: 'NOT_FOUND' });
    await elsewhere.close();
  });

  it('is healthy in the same words as ours', async () => {
    for (const url of [theirs, server.url]) {
      const answer = await fetch(url);
      expect([answer.status, await answer.text()]).toEqual([200, 'Healthy']);
    }
  });

  it('answers a score and its ids as ours does', async () => {
    const ids = ['x-request-id', 'x-ms-request-id', 'x-ms-client-request-id'];
    const long = 'x'.repeat(101);
    const requests: Record<string, string>[] = [
      {},
      { 'x-request-id': 'r' },
      { 'x-ms-client-request-id': 'c' },
      { 'x-ms-request-id': 'm' },
      { 'x-request-id': 'r', 'x-ms-request-id': 'm', 'x-ms-client-request-id': 'c' },
      { 'x-request-id': 'x'.repeat(100) },
      { 'x-request-id': long },
      { 'x-ms-client-request-id': long },
      { 'x-ms-request-id': long },
    ];
    for (const given of requests) {
      const ask = async (base: string) => {
        const headers = { 'content-type': 'application/json', ...given };
        const body = JSON.stringify({ input_data: { x: [[1, 2]] } });
        const answer = await fetch(`${base}/score`, { method: 'POST', headers, body });
        const made = answer.headers.get('x-request-id');
        // What is made is another each time; that it is the same in both headers is what counts.
        const told = ids.map((name) => {
          const value = answer.headers.get(name);
          return given['x-request-id'] === undefined && value === made && value !== null ? 'made' : value;
        });
        const isRefused = answer.status === 431;
        return {
          status: answer.status,
          told: isRefused ? undefined : told,
          body: isRefused ? '' : await answer.json(),
        };
      };
      expect(await ask(server.url), JSON.stringify(given)).toEqual(await ask(theirs));
    }
  });
});
