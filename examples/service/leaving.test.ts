import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { readRows } from './digits';
import { type RunningService, startService } from './start-service.fixture';

const infer = '/v2/models/digits/infer';

let service: RunningService | undefined;
afterEach(() => {
  service?.process.kill('SIGKILL');
  service = undefined;
});

interface Answer {
  readonly id: string;
  readonly status: number | undefined;
  /** Whether the server asked to close the connection. */
  readonly isLast: boolean;
}

/** One request; a connection that breaks rejects. */
function ask(port: number, agent: Agent | false, id: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent, method: 'POST', path: infer, headers: { 'x-request-id': id } };
    const request = httpRequest(options, (response) => {
      response.resume();
      response.on('error', reject);
      response.on('end', () =>
        resolve({ id, status: response.statusCode, isLast: response.headers.connection === 'close' }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

test('64 connections that never stop sending lose nothing when SIGTERM comes', async () => {
  service = await startService({ ACCESS_LOG_SAMPLE: '1', DRAIN_DELAY_MS: '1500' });
  const { port, url, log, ended } = service;
  const bodies = (await readRows('test')).map((pixels) =>
    JSON.stringify({ inputs: [{ name: 'pixels', shape: [1, 64], datatype: 'FP32', data: Array.from(pixels) }] }),
  );
  const sent: string[] = [];
  const answers: Answer[] = [];
  const send = async (agent: Agent | false): Promise<Answer> => {
    const id = `request-${sent.length}`;
    const body = bodies[sent.length % bodies.length] as string;
    sent.push(id);
    const answer = await ask(port, agent, id, body);
    answers.push(answer);
    return answer;
  };
  const isReady = async () =>
    (await fetch(`${url}/v2/health/ready`, { headers: { connection: 'close' } })).status === 200;

  // Clients that keep their connections send the next request as soon as they have an answer, until they are sent away.
  const agents = Array.from({ length: 64 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const keeping = agents.map(async (agent) => {
    while (!(await send(agent)).isLast);
  });
  // Others keep one without using it: theirs must not be broken off with a request in it, nor hold the server up.
  const idle = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  await Promise.all(idle.map(send));
  // Behind a balancer connections are opened for as long as the server calls itself ready.
  let fresh = 0;
  const opening = Array.from({ length: 4 }, async () => {
    while (await isReady()) {
      await send(false);
      fresh++;
    }
  });
  // Half of a request has come when the signal does: it was accepted.
  const [body = ''] = bodies;
  const half = connect(port, '127.0.0.1');
  let halfAnswer = '';
  half.on('data', (chunk: Buffer) => {
    halfAnswer += chunk.toString();
  });
  const halfEnded = once(half, 'close');
  const head = `POST ${infer} HTTP/1.1\r\nhost: x\r\nx-request-id: half\r\ncontent-length: ${body.length}\r\n\r\n`;
  half.write(head + body.slice(0, 20));

  await vi.waitFor(() => expect([answers.length > 1000, fresh > 8]).toEqual([true, true]), { timeout: 40_000 });
  service.process.kill('SIGTERM');

  // Readiness goes first: while it is gone, whoever comes nevertheless is answered.
  await vi.waitFor(async () => expect(await isReady()).toBe(false), { timeout: 10_000, interval: 5 });
  // A terminal and npm send one each: the second signal cuts nothing off.
  service.process.kill('SIGTERM');
  expect((await send(false)).status).toBe(200);
  expect((await fetch(`${url}/v2/health/live`)).status).toBe(200);
  await Promise.all([...keeping, ...opening]);
  half.write(body.slice(20));
  await halfEnded;
  expect(await ended).toEqual([0, null]);
  for (const agent of [...agents, ...idle]) agent.destroy();

  // What clients sent, what they were answered and what the server says it answered are the same requests, each once.
  expect(halfAnswer).toMatch(/^HTTP\/1.1 200 /);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers.map(({ id }) => id).sort()).toEqual([...sent].sort());
  const logged = log.filter(({ code }) => code === 'OK').map(({ requestId }) => requestId);
  expect(logged.sort()).toEqual(['half', ...sent].sort());
  // The same few pictures over and over are another input than the training rows, of which the monitor may well warn.
  expect(log.filter(({ level, msg }) => level > 30 && msg !== 'The digits have changed.')).toEqual([]);
  await expect(fetch(url)).rejects.toThrow();
});
