import 'fake-indexeddb/auto';
import { createRunner, FairleadError, type Logger, type ModelRunner } from '@fairlead/core';
import { fitReference, type Reference } from '@fairlead/core/monitoring';
import { decodeTelemetry, type TelemetryBody } from '@fairlead/core/telemetry';
import { createMockBackend, createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StartTelemetryOptions } from './options';
import { createMemoryQueue } from './report-queue';
import { startTelemetry } from './start-telemetry';

const signature = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 1] }],
  outputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 1] }],
  batchAxis: 0,
} as const;

let clock: VirtualClock;
let reference: Reference;
let runner: ModelRunner;
let log: string[];
let logger: Logger;

beforeEach(async () => {
  vi.stubGlobal('indexedDB', new IDBFactory());
  clock = createVirtualClock();
  reference = await fitReference(
    Array.from({ length: 100 }, (_, row) => [row]),
    { inputs: ['x'] },
  );
  const backend = createMockBackend({ signature, compute: ({ x }) => ({ x: x as never }), clock });
  const opening = createRunner({ model: '1', backend, clock, warmUp: false });
  await turns();
  runner = await opening;
  log = [];
  const line = (_details: object, message: string): void => void log.push(message);
  logger = { debug: line, info: line, warn: line, error: line };
});

afterEach(async () => {
  vi.unstubAllGlobals();
  const closing = runner.close();
  await turns();
  await closing;
});

/** Lets the real event loop turn, in which the database and modules do their work; no virtual time passes. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) {
    await clock.settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What a promise comes to, as turns of the event loop pass. */
async function ended<T>(promise: Promise<T>): Promise<T> {
  await turns();
  return promise;
}

/** A server that answers as it is told, and keeps what it was sent. */
function server(...answers: readonly (number | Error | Response)[]) {
  const bodies: TelemetryBody[] = [];
  let turn = 0;
  const fetch = (async (_url: string, init: RequestInit) => {
    const body = decodeTelemetry(new Uint8Array(init.body as ArrayBuffer));
    bodies.push(body);
    const answer = answers[turn++] ?? 200;
    if (answer instanceof Error) throw answer;
    if (answer instanceof Response) return answer;
    return Response.json({ accepted: body.reports.length, refused: [] }, { status: answer });
  }) as typeof globalThis.fetch;
  return { bodies, fetch };
}

function start(options: Partial<StartTelemetryOptions>) {
  return startTelemetry(runner, {
    endpoint: 'http://server/telemetry',
    token: 'a token',
    reference,
    maxCpuShare: 1,
    clock,
    logger,
    ...options,
    privacy: { minimumCount: 1, ...options.privacy },
  });
}

async function run(...values: readonly number[]): Promise<void> {
  const running = runner.run({ x: Float32Array.from(values) });
  await turns();
  await running;
}

describe('startTelemetry', () => {
  it('sends a window each ten minutes, with a fresh token, and the rest when it is closed', async () => {
    const { bodies, fetch } = server();
    let asked = 0;
    const telemetry = start({ fetch, token: async () => `token ${asked++}` });
    await run(1, 2, 3);
    await clock.advance(599_999);
    await turns();
    expect(bodies).toEqual([]);
    await clock.advance(1);
    await turns();
    expect(bodies.map(({ token, reports }) => [token, reports.map(({ rows }) => rows)])).toEqual([['token 1', [3]]]);
    expect(bodies[0]?.reports[0]).toMatchObject({ modelName: 'mock', fromEpochMs: expect.any(Number) });
    await run(4);
    await ended(telemetry.close());
    expect(bodies[1]?.reports[0]?.rows).toBe(1);
    expect(telemetry.stats()).toMatchObject({
      state: 'closed',
      storage: 'indexeddb',
      reports: { sent: 2 },
      rows: { counted: 4, skipped: 0 },
    });
    await ended(telemetry.close());
    await ended(telemetry.flush());
    expect(bodies).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it('tries again with growing pauses, no sooner than the server asks, and keeps its windows meanwhile', async () => {
    const wait = new Response('{}', { status: 429, headers: { 'retry-after': '100' } });
    const { bodies, fetch } = server(new TypeError('no network'), 503, wait, 200);
    const telemetry = start({ fetch });
    await run(1);
    await ended(telemetry.flush());
    expect(telemetry.stats().lastError).toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('no network'),
    });
    const sentAfter = async (ms: number): Promise<number> => {
      await clock.advance(ms);
      await turns();
      return bodies.length;
    };
    expect(await sentAfter(4999)).toBe(1);
    expect(await sentAfter(1)).toBe(2);
    expect(await sentAfter(9999)).toBe(2);
    expect(await sentAfter(1)).toBe(3);
    expect(await sentAfter(99_999)).toBe(3);
    expect(await sentAfter(1)).toBe(4);
    expect(telemetry.stats()).toMatchObject({ reports: { sent: 1 } });
    expect(telemetry.stats().lastError).toBeUndefined();
    expect(new Set(bodies.map(({ reports }) => reports[0]?.id)).size).toBe(1);
    expect(log.filter((line) => line.includes('sent later'))).toHaveLength(1);
    await ended(telemetry.close());
  });

  it('drops the one report that the server cannot read, and sends the others', async () => {
    const { bodies, fetch } = server(new TypeError('offline'), new TypeError('offline'), 400, 400, 200, 200);
    const telemetry = start({ fetch, retry: { firstDelayMs: 1_000_000, maxDelayMs: 1_000_000 } });
    for (const value of [1, 2, 3]) {
      await run(value);
      await ended(telemetry.flush());
    }
    // Three together, then the first alone, which is dropped, then both others.
    expect(bodies.map(({ reports }) => reports.length)).toEqual([1, 2, 3, 1, 2]);
    expect(telemetry.stats().reports).toMatchObject({ sent: 2, refused: 1 });
    await ended(telemetry.close());
  });

  it('keeps no more than the queue may hold, and nothing that is too old', async () => {
    const bytes = (size: number) => new Uint8Array(size);
    const queue = createMemoryQueue({ maxBytes: 100, maxAgeMs: 50 });
    expect(await queue.put([bytes(40), bytes(40)], 0)).toBe(0);
    expect(await queue.put([bytes(40)], 10)).toBe(1);
    expect((await queue.first(1000, 10)).map(({ key }) => key)).toEqual([2, 3]);
    expect((await queue.first(1, 10)).map(({ key }) => key)).toEqual([2]);
    expect(await queue.put([], 55)).toBe(1);
    expect(await queue.size()).toBe(1);

    const telemetry = start({
      fetch: server(...Array.from({ length: 9 }, () => 503)).fetch,
      queue: { maxBytes: 1024, maxAgeMs: 3_600_000 },
    });
    for (let turn = 0; turn < 9; turn++) {
      await run(turn);
      await ended(telemetry.flush());
    }
    expect(telemetry.stats().reports.dropped).toBeGreaterThan(0);
    await ended(telemetry.close());
  });

  it('waits in memory, aloud, where the database refuses', async () => {
    vi.stubGlobal('indexedDB', {
      open: () => {
        throw new DOMException('not here', 'SecurityError');
      },
    });
    const { bodies, fetch } = server();
    const telemetry = start({ fetch });
    await run(1, 2);
    await ended(telemetry.flush());
    expect(telemetry.stats().storage).toBe('memory');
    expect(bodies[0]?.reports[0]?.rows).toBe(2);
    expect(log.join()).toContain('in memory');
    await ended(telemetry.close());
  });

  it('never throws into the app: not by a consent, a token or a fetch that throws', async () => {
    const broken = start({
      token: () => Promise.reject(new Error('no session')),
      fetch: () => {
        throw new Error('fetch is broken');
      },
    });
    await run(1);
    await expect(ended(broken.flush())).resolves.toBeUndefined();
    expect(broken.stats().lastError?.message).toContain('no session');
    await ended(broken.close());

    const { bodies, fetch } = server();
    const consent = (): boolean => {
      throw new Error('no store');
    };
    const refused = start({ fetch, privacy: { consent } });
    await run(1);
    await ended(refused.flush());
    expect(refused.stats()).toMatchObject({ state: 'refused', rows: { counted: 0, skipped: 1 } });
    expect(bodies).toEqual([]);
    expect(log.filter((line) => line.includes('no store'))).toHaveLength(1);
    await ended(refused.close());
  });

  it('counts and sends nothing while it is paused', async () => {
    const { bodies, fetch } = server();
    const telemetry = start({ fetch });
    telemetry.pause();
    await run(1);
    await ended(telemetry.flush());
    expect(telemetry.stats()).toMatchObject({ state: 'paused', rows: { counted: 0, skipped: 1 } });
    telemetry.resume();
    await run(2);
    await ended(telemetry.flush());
    expect(bodies.map(({ reports }) => reports[0]?.rows)).toEqual([1]);
    await ended(telemetry.close());
  });

  it('refuses options before anything is counted', () => {
    const faults: [object, string][] = [
      [{ endpoint: '' }, 'endpoint'],
      [{ endpoint: 'http://' }, 'endpoint'],
      [{ token: '' }, 'token'],
      [{ schedule: { everyMs: 10 } }, 'schedule.everyMs'],
      [{ queue: { name: 'A B' } }, 'queue.name'],
      [{ privacy: { epsilon: 1, minimumCount: 5 } }, 'privacy.minimumCount'],
      [{ privacy: { consent: true } }, 'consent'],
      [{ maxRowsPerWindow: 0 }, 'maxRowsPerWindow'],
      [{ nonsense: 1 }, 'nonsense'],
    ];
    for (const [options, field] of faults) {
      let error: unknown;
      try {
        start(options);
      } catch (thrown) {
        error = thrown;
      }
      expect(FairleadError.isInstance(error, 'INVALID_OPTION') && error.details.field).toBe(field);
    }
    expect(clock.pendingTimers).toBe(0);
  });
});
