import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import type { PlatformName } from './platform';

/* Each platform, as a driver of its contract sees a container from its start to its end. */

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/platform-child.ts', import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const vertexRoute = '/v1/endpoints/12/deployedModels/34';
const drivers: [PlatformName, Record<string, string>, string, string, unknown, string][] = [
  ['sagemaker', {}, '/ping', '/invocations', { instances: [[1, 2]] }, '{"predictions":[[2,4]]}'],
  [
    'vertex',
    { AIP_HEALTH_ROUTE: vertexRoute, AIP_PREDICT_ROUTE: `${vertexRoute}:predict`, AIP_DEPLOYED_MODEL_ID: '34' },
    vertexRoute,
    `${vertexRoute}:predict`,
    { instances: [[1, 2]], parameters: {} },
    '{"predictions":[[2,4]],"deployedModelId":"34","model":"mock","modelVersionId":"1"}',
  ],
  ['azure', {}, '/', '/score', { input_data: [[1, 2]] }, '[[2,4]]'],
];

it.each(drivers)(
  '%s: health, a prediction, and an end within 30 s that loses no accepted request',
  async (platform, env, health, predict, message, expected) => {
    const child = spawn(process.execPath, ['--import', 'tsx', script, platform], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const ended = once(child, 'exit');
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const port = Number(line);
    const url = `http://127.0.0.1:${port}`;
    const healthy = async () => (await fetch(url + health)).status;
    const body = JSON.stringify(message);
    const headers = { 'content-type': 'application/json' };

    expect(await healthy()).toBe(200);
    const answer = await fetch(url + predict, { method: 'POST', headers, body });
    expect([answer.status, await answer.text()]).toEqual([200, expected]);

    // A request that is half sent when the signal comes has been accepted.
    const half = connect(port, '127.0.0.1');
    let told = '';
    half.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    const closed = once(half, 'close');
    const head = `POST ${predict} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    await new Promise((resolve) => half.write(head + body.slice(0, 8), resolve));
    child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await healthy()).toBe(503), { timeout: 10_000 });
    half.write(body.slice(8));
    await closed;
    expect(told).toMatch(/^HTTP\/1.1 200 /);
    expect(told).toContain(expected);
    expect(await ended).toEqual([null, 'SIGTERM']);
  },
);
