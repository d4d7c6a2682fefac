import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ServiceError, status as Status } from '@grpc/grpc-js';
import { afterEach, expect, it, vi } from 'vitest';
import { rawClient } from './grpc.fixture';
import { HealthCheckRequest, HealthCheckResponse } from './health/messages';
import * as messages from './inference/messages';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/serving-child.ts', import.meta.url));
const service = '/inference.GRPCInferenceService';
const [serving, notServing] = [1, 2];

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

/** A server over gRPC and HTTP in a process of its own. */
async function startServer() {
  const process_ = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child = process_;
  let said = '';
  process_.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  // Not `exit`: what it has written is read by then, too.
  const ended = once(process_, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  await vi.waitFor(() => expect(said).toContain('\n'), { timeout: 30_000 });
  const [address = '', url = ''] = said.slice(0, said.indexOf('\n')).split(' ');
  const count = (sign: string) => said.slice(said.indexOf('\n')).split(sign).length - 1;
  return { process: process_, address, url, ended, counts: () => ({ accepted: count('+'), done: count('-') }) };
}

function inferOf(id: string): Buffer {
  return messages.ModelInferRequest.encode({
    model_name: 'mock',
    id,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }],
    raw_input_contents: [new Uint8Array(Float32Array.of(1, 2).buffer)],
  });
}

const doubled = Buffer.from(Float32Array.of(2, 4).buffer);
function checkAnswer(response: { readonly raw_output_contents: readonly Uint8Array[] } | undefined): void {
  expect(Buffer.compare(response?.raw_output_contents[0] ?? Buffer.alloc(0), doubled)).toBe(0);
}

/** What the clients of one server have seen. */
function createTally() {
  return { answers: 0, fresh: 0, streamed: 0, http: 0, refusals: [] as ServiceError[] };
}
type Tally = ReturnType<typeof createTally>;

type RawClient = ReturnType<typeof rawClient>;

/** Asks one request after the other on one connection, until none more is taken. */
async function keepAsking(client: RawClient, tally: Tally): Promise<void> {
  for (;;) {
    try {
      checkAnswer(messages.ModelInferResponse.decode(await client.call(`${service}/ModelInfer`, inferOf('')), 100));
      tally.answers++;
    } catch (error) {
      tally.refusals.push(error as ServiceError);
      return;
    }
  }
}

/** Opens a connection for each request, as long as the server calls itself ready, as behind a balancer. */
async function keepOpening(address: string, isServing: () => Promise<boolean>, tally: Tally): Promise<void> {
  while (await isServing()) {
    const client = rawClient(address);
    checkAnswer(messages.ModelInferResponse.decode(await client.call(`${service}/ModelInfer`, inferOf('')), 100));
    client.close();
    tally.fresh++;
  }
}

/** Sends requests on one stream, eight at a time, until the server ends it. @returns the status that it ended with */
function keepStreaming(client: RawClient, tally: Tally): Promise<number> {
  return new Promise((resolve) => {
    const stream = client.stream(`${service}/ModelStreamInfer`);
    let sent = 0;
    let next = 0;
    const send = (): void => void stream.write(inferOf(String(sent++)));
    stream.on('data', (bytes: Buffer) => {
      const { infer_response: response, error_message: failure } = messages.ModelStreamInferResponse.decode(bytes, 100);
      expect([failure, response?.id]).toEqual(['', String(next++)]);
      checkAnswer(response);
      tally.streamed++;
      send();
    });
    stream.on('error', () => {});
    stream.on('status', ({ code }: { readonly code: number }) => resolve(code));
    for (let index = 0; index < 8; index++) send();
  });
}

/** Asks over HTTP until the server says that the connection is to be closed. */
async function keepFetching(url: string, tally: Tally): Promise<void> {
  const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });
  for (;;) {
    const response = await fetch(`${url}/v2/models/mock/infer`, { method: 'POST', body });
    expect([response.status, await response.json()]).toMatchObject([200, { outputs: [{ data: [2, 4] }] }]);
    tally.http++;
    if (response.headers.get('connection') === 'close') return;
  }
}

it.each([
  ['gRPC', false],
  ['gRPC and HTTP at once', true],
])(
  'loses no accepted request when SIGTERM comes under load of %s, and ends by it',
  { timeout: 120_000 },
  async (_what, hasHttp) => {
    const server = await startServer();
    const { address, url } = server;
    const tally = createTally();
    const watcher = rawClient(address);
    const health = HealthCheckRequest.encode({ service: '' });
    const stateOf = (bytes: Buffer): number => HealthCheckResponse.decode(bytes, 0).status;
    const check = async () => stateOf(await watcher.call('/grpc.health.v1.Health/Check', health));
    // Who was slow to ask may find nobody there any more.
    const isServing = () =>
      check().then(
        (state) => state === serving,
        () => false,
      );
    const ask = async (method: string) =>
      messages.ReadyResponse.decode(await watcher.call(`${service}/${method}`, Buffer.alloc(0)), 0).ready;

    const states: number[] = [];
    const watch = watcher.watch('/grpc.health.v1.Health/Watch', health);
    watch.on('data', (bytes: Buffer) => void states.push(stateOf(bytes)));
    const watched = new Promise<number>((resolve) => watch.on('status', ({ code }) => resolve(code)));

    const clients = Array.from({ length: 4 }, () => rawClient(address));
    const loads = [
      ...clients.flatMap((client) => Array.from({ length: 4 }, () => keepAsking(client, tally))),
      ...(hasHttp ? Array.from({ length: 4 }, () => keepFetching(url, tally)) : []),
    ];
    const openings = Array.from({ length: 2 }, () => keepOpening(address, isServing, tally));
    const streams = clients.slice(0, 2).map((client) => keepStreaming(client, tally));

    const isUnderLoad = () => [tally.answers > 200, tally.fresh > 4, tally.streamed > 50, tally.http > 50 || !hasHttp];
    await vi.waitFor(() => expect(isUnderLoad()).toEqual([true, true, true, true]), { timeout: 30_000 });
    server.process.kill('SIGTERM');
    // Readiness goes first, while it still lives and answers.
    await vi.waitFor(async () => expect(await check()).toBe(notServing), { timeout: 10_000 });
    expect([await ask('ServerReady'), await ask('ServerLive')]).toEqual([false, true]);
    if (hasHttp) expect((await fetch(`${url}/v2/health/ready`)).status).toBe(503);
    // A connection that was begun while it was ready may send its first request only now: the time that it stays open
    // for is meant for it, and here it ends by this word.
    await Promise.all(openings);
    server.process.stdin.write('go on');
    await Promise.all(loads);

    expect(await Promise.all(streams)).toEqual([Status.UNAVAILABLE, Status.UNAVAILABLE]);
    expect([await watched, states]).toEqual([Status.OK, [serving, notServing]]);
    expect(await server.ended).toEqual([null, 'SIGTERM']);
    // Every client was turned away by a port that nobody listens on; none had begun a call that went unanswered.
    expect(tally.refusals).toHaveLength(16);
    for (const { code, details } of tally.refusals) {
      expect([code, details]).toEqual([Status.UNAVAILABLE, expect.stringContaining('ECONNREFUSED')]);
    }
    const answered = tally.answers + tally.fresh + tally.streamed + tally.http;
    expect(server.counts()).toEqual({ accepted: answered, done: answered });
    for (const client of [watcher, ...clients]) client.close();
  },
);
