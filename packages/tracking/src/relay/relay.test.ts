import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { encodeBatch } from '../embedded/batch-codec';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { createFaultyFiles } from '../fixtures/faulty-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { PointColumns, RunEvent } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { createRelayHandler } from './create-relay-handler';
import { batchType, encodeMessage, leastMessageLength } from './message';
import { toNodeHandler } from './node-handler';
import type { RelayHandlerOptions } from './relay-options';

const id = 'ab'.repeat(16);
const page = 'cd'.repeat(16);
const at = 1_700_000_000_000;
const start = { type: 'start', at, id, experiment: 'e', name: 'n', leaseUntil: at + 60_000 } as const;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const point = (step: number, value = step): PointColumns => ({
  count: 1,
  keys: ['loss'],
  keyIds: new Uint16Array(1),
  steps: Float64Array.of(step),
  timestamps: Float64Array.of(at),
  values: Float64Array.of(value),
});

interface KitOptions extends Partial<Omit<RelayHandlerOptions, 'tracker'>> {
  readonly wrap?: (store: TrackingStore) => TrackingStore;
}

async function openKit({ wrap = (store) => store, ...options }: KitOptions = {}) {
  const dir = await temporaryFolder();
  const clock = createVirtualClock(at);
  const faulty = createFaultyFiles();
  const open = async () => {
    const settings = { pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
    const store = wrap(await openEmbeddedStore({ files: faulty.files, dir, clock, ...settings }));
    const tracker = await openTracker({ store, clock, logger: quiet });
    const relay = createRelayHandler({
      tracker,
      authorize: (request) => request.headers.get('x-user') ?? undefined,
      clock,
      logger: quiet,
      ...options,
    });
    onTestFinished(async () => {
      await relay.close();
      await tracker.close();
    });
    return { tracker, relay };
  };
  let { tracker, relay } = await open();
  const ask = async (path: string, init: RequestInit & { user?: string | undefined }) => {
    const { user = 'ada', ...rest } = init;
    const headers = new Headers(rest.headers);
    if (user !== '') headers.set('x-user', user);
    const response = await relay(new Request(`http://relay.test/tracking${path}`, { ...rest, headers }));
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  const post = (bytes: Uint8Array<ArrayBuffer>, init: { user?: string; headers?: Record<string, string> } = {}) =>
    ask('/batch', { method: 'POST', body: bytes, ...init, headers: { 'content-type': batchType, ...init.headers } });
  const send = (
    seq: number,
    parts: readonly (RunEvent | PointColumns)[],
    {
      after = seq - 1,
      writer = page,
      run = id,
      ...init
    }: { after?: number; writer?: string; run?: string; user?: string } = {},
  ) => post(encodeMessage(run, after, encodeBatch({ writer, seq, parts })), init);
  return {
    clock,
    faulty,
    ask,
    post,
    send,
    get tracker() {
      return tracker;
    },
    /** As a crash of the server does: what was open stays as it is. */
    async restart() {
      ({ tracker, relay } = await open());
    },
  };
}

describe('a relay', () => {
  test('keeps a batch once, however often it is sent, in this process and in the next', async () => {
    const kit = await openKit();
    expect(await kit.send(1, [start, point(0)])).toMatchObject({
      status: 200,
      body: { relay: 'v1', last: 1, repeated: false },
    });
    expect(await kit.send(2, [point(1, Number.NaN), point(2, -0)])).toMatchObject({ status: 200 });
    expect(await kit.send(2, [point(1, Number.NaN), point(2, -0)])).toMatchObject({
      body: { last: 2, repeated: true },
    });
    await kit.restart();
    expect(await kit.send(1, [start, point(0)])).toMatchObject({ status: 200, body: { last: 2, repeated: true } });
    expect(await kit.send(3, [point(3), { type: 'end', at: at + 1, status: 'FINISHED' }])).toMatchObject({
      status: 200,
    });
    expect(await kit.send(3, [point(3), { type: 'end', at: at + 1, status: 'FINISHED' }])).toMatchObject({
      body: { repeated: true },
    });
    const run = await kit.tracker.getRun(id);
    expect(run).toMatchObject({ status: 'FINISHED', experiment: 'e', tags: { 'relay.principal': 'ada' }, damage: [] });
    const { steps, values } = await run.history('loss');
    // Each process has a segment of its own, and the names of two of one millisecond sort by chance.
    const inOrder = Array.from(steps, (step, row) => [step, values[row]] as const).sort(([a], [b]) => a - b);
    expect(inOrder.map(([, value]) => value)).toEqual([0, Number.NaN, -0, 3]);
  });

  test('takes batches in their order alone, and says which one it has', async () => {
    const kit = await openKit();
    await kit.send(1, [start]);
    expect(await kit.send(3, [point(3)])).toMatchObject({
      status: 409,
      body: { error: { code: 'CONFLICT', details: { last: 1 } } },
    });
    // The page says that there is none between.
    expect(await kit.send(3, [point(3)], { after: 1 })).toMatchObject({ status: 200, body: { last: 3 } });
    expect((await kit.tracker.getRun(id)).metrics.loss?.count).toBe(1);
  });

  test('lets nobody go on with the run of another, nor with one of the server', async () => {
    const kit = await openKit();
    await kit.send(1, [start]);
    const other = { user: 'eve', writer: 'ee'.repeat(16) };
    expect(await kit.send(1, [point(1)], other)).toMatchObject({ status: 403, body: { error: { code: 'CONFLICT' } } });
    expect(await kit.send(1, [start, point(1)], other)).toMatchObject({ status: 403 });
    const own = await kit.tracker.startRun({ name: 'own' });
    await own.flush();
    expect(await kit.send(1, [{ ...start, id: own.id }], { run: own.id })).toMatchObject({ status: 403 });
    expect(await kit.send(1, [point(1)], { run: 'ff'.repeat(16) })).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND' } },
    });
    // Another page of the same user may.
    expect(await kit.send(1, [point(1)], { writer: 'aa'.repeat(16) })).toMatchObject({ status: 200 });
    await kit.send(2, [{ type: 'end', at, status: 'FINISHED' }]);
    await kit.tracker.deleteRun(id);
    expect(await kit.send(3, [point(2)])).toMatchObject({ status: 410 });
  });

  test.each<[string, RunEvent | PointColumns]>([
    ['metric name', { ...point(0), keys: ['a//b'] }],
    ['step', point(0.5)],
    ['timestamp', { ...point(0), timestamps: Float64Array.of(-1) }],
    ['at', { type: 'beat', at: -5, leaseUntil: 1 }],
    ['params.p', { type: 'params', at, params: { p: [] as unknown as string } }],
    ['params.p', { type: 'params', at, params: { p: 'x'.repeat(6001) } }],
    ['tags.t', { type: 'tags', at, tags: { t: 1 as unknown as string } }],
    ['tags.relay.principal', { type: 'tags', at, tags: { 'relay.principal': 'eve' } }],
    ['artifact name', { type: 'artifact', at, name: '../x', digest: 'ab'.repeat(32), size: 1 }],
    ['digest', { type: 'artifact', at, name: 'x', digest: 'ab', size: 1 }],
    ['dataset.digest', { type: 'input', at, dataset: { name: 'd', digest: 'short' } }],
    ['version', { type: 'use', at, model: { name: 'm', version: 'latest' } }],
    ['status', { type: 'end', at, status: 'DONE' as 'FAILED' }],
    ['type', { type: 'lifecycle', at, deleted: true }],
    ['start', start],
  ])('refuses what the tracker would refuse, and names it: %s', async (field, part) => {
    const kit = await openKit();
    await kit.send(1, [start]);
    const answered = await kit.send(2, [point(1), part]);
    expect(answered).toMatchObject({ status: 400, body: { error: { code: 'INVALID_ARGUMENT', details: { field } } } });
    // Nothing of the batch was kept.
    expect((await kit.tracker.getRun(id)).metrics).toEqual({});
  });

  test('refuses bytes that are no batch, a cut one, and one of another release', async () => {
    const kit = await openKit();
    const good = encodeMessage(id, 0, encodeBatch({ writer: page, seq: 1, parts: [start] }));
    for (const length of [0, 3, leastMessageLength - 1, good.byteLength - 1]) {
      expect(await kit.post(good.slice(0, length))).toMatchObject({
        status: 400,
        body: { error: { code: 'PROTOCOL_ERROR' } },
      });
    }
    const later = good.slice();
    later[4] = 2;
    expect((await kit.post(later)).body.error.message).toContain('format 2');
    const zero = encodeMessage(id, 0, encodeBatch({ writer: page, seq: 0, parts: [] }));
    expect(await kit.post(zero)).toMatchObject({ status: 400, body: { error: { details: { field: 'seq' } } } });
    expect(await kit.post(good, { headers: { 'content-type': 'text/plain' } })).toMatchObject({ status: 415 });
    expect(await kit.ask('/batch', { method: 'GET' })).toMatchObject({ status: 405 });
    expect(await kit.ask('/other', { method: 'POST' })).toMatchObject({ status: 404 });
  });

  test('keeps no secrets, whatever the page left in', async () => {
    const kit = await openKit();
    const dataset = { name: 'd', digest: 'ab'.repeat(32), source: 'https://user:pass@host/x' };
    await kit.send(1, [
      start,
      { type: 'params', at, params: { api_key: 'abc', lr: 1 } },
      { type: 'tags', at, tags: { note: 'Bearer abcdefghijklmnop' } },
      { type: 'input', at, dataset },
      { type: 'end', at, status: 'FAILED', error: { name: 'E', message: 'token=1 https://a:b@c/' } },
    ]);
    const run = await kit.tracker.getRun(id);
    expect(run.params).toEqual({ api_key: '[redacted]', lr: 1 });
    expect(run.tags.note).toBe('Bearer [redacted]');
    expect(run.inputs[0]?.source).toBe('https://[redacted]@host/x');
    expect(run.error?.message).not.toContain('a:b');
  });

  test('bounds the size of a batch before it is read, the rate of a principal, and how far a lease reaches', async () => {
    const kit = await openKit({ limits: { batchBytes: 65_536, requestsPerSecond: 1 } });
    await kit.send(1, [{ ...start, leaseUntil: Number.MAX_SAFE_INTEGER }]);
    await kit.clock.advance(25 * 3_600_000);
    expect((await kit.tracker.getRun(id)).status).toBe('KILLED');
    let read = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 10_000;
        controller.enqueue(new Uint8Array(10_000));
      },
    });
    const init = { method: 'POST', headers: { 'content-type': batchType }, duplex: 'half', body: endless } as const;
    expect(await kit.ask('/batch', init)).toMatchObject({
      status: 413,
      body: { error: { details: { field: 'batchBytes' } } },
    });
    expect(read).toBeLessThan(100_000);
    const answers = [];
    for (let i = 0; i < 12; i++) answers.push((await kit.send(1, [start])).status);
    expect(answers.filter((status) => status === 200)).toHaveLength(9);
    const late = await kit.send(1, [start]);
    expect(late).toMatchObject({ status: 429, body: { error: { code: 'OVERLOADED' } } });
    expect(late.headers.get('retry-after')).toBe('1');
    expect((await kit.send(1, [start], { user: 'eve' })).status).toBe(403); // she has her own
    await kit.clock.advance(1000);
    expect((await kit.send(1, [start])).status).toBe(200);
  });

  test('refuses whom authorize does not know', async () => {
    const kit = await openKit();
    expect(await kit.send(1, [start], { user: '' })).toMatchObject({ status: 401 });
    const broken = await openKit({ authorize: () => '' });
    expect(await broken.send(1, [start])).toMatchObject({ status: 500 });
  });

  test('answers pages of its own origin and of those that it was told, and no others', async () => {
    const kit = await openKit({ cors: { origins: ['https://app.test'], credentials: true } });
    const from = (origin: string, method = 'POST') =>
      kit.ask('/batch', {
        method,
        headers: { origin, host: 'relay.test', 'content-type': batchType, 'access-control-request-headers': 'x-user' },
        ...(method === 'POST'
          ? { body: encodeMessage(id, 0, encodeBatch({ writer: page, seq: 1, parts: [start] })) }
          : {}),
      });
    expect((await from('http://relay.test')).headers.get('access-control-allow-origin')).toBeNull();
    const allowed = await from('https://app.test');
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.test');
    expect(allowed.headers.get('access-control-allow-credentials')).toBe('true');
    const asked = await from('https://app.test', 'OPTIONS');
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-headers')).toBe('x-user');
    for (const origin of ['https://evil.test', 'null', 'https://app.test.evil.test']) {
      for (const method of ['POST', 'OPTIONS']) {
        const refused = await from(origin, method);
        expect(refused).toMatchObject({ status: 403, body: { error: { details: { field: 'origin' } } } });
        expect(refused.headers.get('access-control-allow-origin')).toBeNull();
      }
    }
  });

  test('takes artifacts of the runs of a principal, checked, and names only those that it has', async () => {
    const kit = await openKit({ limits: { artifactBytes: 1000 } });
    const bytes = new TextEncoder().encode('an artifact');
    const digest = sha256(bytes);
    const path = (given: string, run = id) => `/artifacts/${given}?run=${run}&name=a.txt`;
    const put = (given: string, body: Uint8Array<ArrayBuffer>, user = 'ada') =>
      kit.ask(path(given), { method: 'PUT', body, user, headers: { 'content-type': 'application/octet-stream' } });
    expect(await put(digest, bytes)).toMatchObject({ status: 404 });
    await kit.send(1, [start]);
    const event: RunEvent = { type: 'artifact', at, name: 'a.txt', digest, size: bytes.byteLength };
    expect(await kit.send(2, [event])).toMatchObject({
      status: 424,
      body: { error: { details: { field: 'digest' } } },
    });
    expect(await kit.ask(path(digest), { method: 'HEAD' })).toMatchObject({ status: 404 });
    expect(await put(digest, bytes, 'eve')).toMatchObject({ status: 403 });
    expect(await put('00'.repeat(32), bytes)).toMatchObject({
      status: 400,
      body: { error: { code: 'DIGEST_MISMATCH' } },
    });
    expect(await kit.ask(path(digest), { method: 'HEAD' })).toMatchObject({ status: 404 });
    const large = new Uint8Array(1001);
    expect(await put(sha256(large), large)).toMatchObject({ status: 413 });
    expect(await put(digest, bytes)).toMatchObject({ status: 200, body: { digest, size: bytes.byteLength } });
    expect(await kit.ask(path(digest), { method: 'HEAD' })).toMatchObject({ status: 200 });
    expect(await kit.send(2, [event])).toMatchObject({ status: 200 });
    expect(await (await kit.tracker.getRun(id)).artifact('a.txt').read()).toEqual(bytes);
    expect(await kit.ask(`/artifacts/${digest}?run=${id}&name=../x`, { method: 'PUT' })).toMatchObject({ status: 400 });
  });

  test('a disk that is full is told with 503, and the same batch is kept once when there is room again', async () => {
    const kit = await openKit();
    await kit.send(1, [start]);
    kit.faulty.writeFault = 'ENOSPC';
    const refused = await kit.send(2, [point(1)]);
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'STORE_FAILED' } } });
    expect(refused.body.error.message).not.toContain('ENOSPC'); // nothing of the inside
    expect(await kit.send(2, [point(1)])).toMatchObject({ status: 503 });
    kit.faulty.writeFault = undefined;
    expect(await kit.send(2, [point(1)])).toMatchObject({ status: 200 });
    expect((await kit.tracker.getRun(id)).metrics.loss?.count).toBe(1);
    kit.faulty.syncFault = 'EIO';
    expect(await kit.send(3, [point(2)])).toMatchObject({ status: 503 });
    kit.faulty.syncFault = undefined;
    expect(await kit.send(3, [point(2)])).toMatchObject({ status: 200 });
    expect((await kit.tracker.getRun(id)).metrics.loss?.count).toBe(2);
  });

  test('works on a store that keeps no marks: there they are tags', async () => {
    const kit = await openKit({
      wrap: (store) => {
        const plain = (writer: Awaited<ReturnType<TrackingStore['runs']['open']>>) => {
          const { appendBatch: _, ...rest } = writer;
          return rest;
        };
        const { marks: _, ...runs } = store.runs;
        return {
          ...store,
          runs: {
            ...runs,
            create: async (begin) => plain(await runs.create(begin)),
            open: async (run, call) => plain(await runs.open(run, call)),
          },
        };
      },
    });
    expect(await kit.send(1, [start, point(0)])).toMatchObject({ status: 200 });
    expect(await kit.send(2, [point(1)])).toMatchObject({ status: 200 });
    await kit.restart();
    expect(await kit.send(2, [point(1)])).toMatchObject({ body: { last: 2, repeated: true } });
    expect(await kit.send(3, [point(2)], { user: 'eve' })).toMatchObject({ status: 403 });
    const run = await kit.tracker.getRun(id);
    expect(run.tags).toMatchObject({ 'relay.principal': 'ada', [`relay.mark.${page}`]: '2' });
    expect(run.metrics.loss?.count).toBe(2);
  });

  test('closes what is idle, goes on with it later, and takes nothing once it is closed', async () => {
    const kit = await openKit();
    await kit.send(1, [start]);
    await kit.clock.advance(200_000);
    expect(await kit.send(2, [point(1)])).toMatchObject({ status: 200 });
    expect((await kit.tracker.getRun(id)).metrics.loss?.count).toBe(1);
  });

  test('is refused with options that cannot be used', async () => {
    const kit = await openKit();
    const { tracker } = kit;
    const authorize = () => 'ada';
    for (const [field, options] of [
      ['authorize', { tracker }],
      ['tracker', { tracker: {}, authorize }],
      ['cors.origins.0', { tracker, authorize, cors: { origins: ['https://app.test/path'] } }],
      ['limits.batchBytes', { tracker, authorize, limits: { batchBytes: 1 } }],
    ] as const) {
      expect(() => createRelayHandler(options as unknown as RelayHandlerOptions)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
      );
    }
  });

  test("serves Node's http, and answers a body that is too large before it has come", async () => {
    const dir = await temporaryFolder();
    const tracker = await openTracker({ dir });
    const relay = createRelayHandler({ tracker, authorize: () => 'ada', limits: { artifactBytes: 100_000 } });
    const server = createServer(toNodeHandler(relay));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await relay.close();
      await tracker.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tracking`;
    const body = encodeMessage(id, 0, encodeBatch({ writer: page, seq: 1, parts: [start, point(1)] }));
    const sent = await fetch(`${url}/batch`, { method: 'POST', body, headers: { 'content-type': batchType } });
    expect(await sent.json()).toEqual({ relay: 'v1', last: 1, repeated: false });
    const large = new Uint8Array(300_000);
    const put = await fetch(`${url}/artifacts/${sha256(large)}?run=${id}&name=a`, {
      method: 'PUT',
      body: large,
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(put.status).toBe(413);
    expect((await fetch(`${url}/batch`)).status).toBe(405);
  });
});
