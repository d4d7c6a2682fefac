import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/serving-child.ts', import.meta.url));
const infer = '/v2/models/mock/infer';
const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

async function startServer() {
  const process_ = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child = process_;
  const ended = once(process_, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [line] = (await once(createInterface({ input: process_.stdout }), 'line')) as [string];
  return { process: process_, port: Number(line), ended };
}

interface Answer {
  readonly status: number | undefined;
  readonly isLast: boolean;
  readonly text: string;
}

/** One infer request; a connection that breaks rejects. */
function ask(port: number, agent: Agent | false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, agent, method: 'POST', path: infer }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('error', reject);
      const isLast = response.headers.connection === 'close';
      response.on('end', () => resolve({ status: response.statusCode, isLast, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

it('loses no accepted request when SIGTERM comes under load, and ends by it', async () => {
  const server = await startServer();
  const { port } = server;
  const url = `http://127.0.0.1:${port}`;
  const isReady = async () => (await fetch(`${url}/v2/health/ready`)).status === 200;
  const answers: Answer[] = [];
  let fresh = 0;

  // A request that is half sent when the signal comes has been accepted.
  const half = connect(port, '127.0.0.1');
  let halfAnswer = '';
  half.on('data', (chunk: Buffer) => {
    halfAnswer += chunk.toString();
  });
  const halfEnded = once(half, 'close');
  half.write(`POST ${infer} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 20)}`);

  // Clients that keep their connections go on until they are sent away.
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const keeping = Array.from({ length: 16 }, async () => {
    for (;;) {
      const answer = await ask(port, agent);
      answers.push(answer);
      if (answer.isLast) return;
    }
  });
  // Those that open a connection for each request go on as long as the server calls itself ready, as behind a balancer.
  const opening = Array.from({ length: 4 }, async () => {
    while (await isReady()) {
      answers.push(await ask(port, false));
      fresh++;
    }
  });

  await vi.waitFor(() => expect([answers.length > 200, fresh > 8]).toEqual([true, true]), { timeout: 30_000 });
  server.process.kill('SIGTERM');
  await vi.waitFor(async () => expect(await isReady()).toBe(false), { timeout: 10_000 });
  expect((await fetch(`${url}/v2/health/live`)).status).toBe(200);
  await Promise.all([...keeping, ...opening]);
  server.process.stdin.write('go on');
  half.write(body.slice(20));
  await halfEnded;
  const [code, signal] = await server.ended;

  expect(halfAnswer).toMatch(/^HTTP\/1.1 200 /);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  for (const { text } of answers) expect(text).toContain('"data":[2');
  expect([code, signal]).toEqual([null, 'SIGTERM']);
  await expect(fetch(url)).rejects.toThrow();
  agent.destroy();
});
