import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { createMockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
import { type Bench, closeBench, collectInto, openBench, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { createRunner, type RunnerOptions } from './create-runner';
import type { TuningRecord, TuningStore } from './tuning-store';

const twoCores: MockBackendOptions = { workers: true, threading: { cores: 2 }, latencyMs: (rows) => rows / 8 };

/** A store that passes records through JSON, as one on disk would. */
function jsonStore(): TuningStore & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    read: (key) => JSON.parse(texts.get(key) ?? 'null') ?? undefined,
    write: (key, record) => void texts.set(key, JSON.stringify(record)),
  };
}

const open = (
  mock: MockBackendOptions = twoCores,
  options: Partial<RunnerOptions> = {},
  clock = createVirtualClock(),
): Promise<Bench> => openBench(mock, { warmUp: true, ...options }, clock);

const sourceOf = ({ runner }: Bench): string | undefined => runner.describe().lanes.tuning?.source;

describe('what was measured is not measured again', () => {
  test('for a second runner of the model: its lanes are opened at once', async () => {
    const first = await open();
    expect(sourceOf(first)).toBe('measured');
    const second = await open(twoCores, { warmUp: false }, first.clock);
    const [before, after] = [first.runner.describe().lanes, second.runner.describe().lanes];
    expect(after.tuning).toEqual({ ...before.tuning, source: 'remembered' });
    expect(after.reason).toBe(`remembered: ${before.reason}`);
    expect(after.slots).toEqual(before.slots);
    expect(second.backend.lanes.map(({ threads }) => threads)).toEqual([1, 1]);
    expect(second.backend.calls).toHaveLength(0);
    await closeBench(first);
    await closeBench(second);
  });

  test('for a swap back, where the lanes are warmed up all the same', async () => {
    const bench = await open();
    const [one, two] = [bench.runner.loaded ?? mockModel('1'), mockModel('2')];
    await until(bench.runner.swap(two), bench.clock);
    expect(sourceOf(bench)).toBe('measured');
    const opened = bench.backend.lanes.length;
    await until(bench.runner.swap(one), bench.clock);
    expect(sourceOf(bench)).toBe('remembered');
    expect(bench.backend.lanes).toHaveLength(opened + 2);
    expect(bench.runner.describe().warmUp).toHaveLength(7);
    await closeBench(bench);
  });

  test('for a model inline, which needs no worker then', async () => {
    const mock = { ...twoCores, latencyMs: () => 0.1 };
    const first = await open(mock);
    const second = await open(mock, {}, first.clock);
    expect(second.backend.lanes).toHaveLength(0);
    expect(second.runner.describe().lanes).toMatchObject({
      reason: 'remembered: a batch of 64 took 0.10 ms on 1 thread, less than 0.25 ms',
      slots: [{ name: 'inline', threads: 1 }],
    });
    await closeBench(first);
    await closeBench(second);
  });

  test('for a record that went through JSON', async () => {
    const tuning = jsonStore();
    const first = await open(twoCores, { tuning });
    const second = await open(twoCores, { tuning });
    expect([sourceOf(first), sourceOf(second)]).toEqual(['measured', 'remembered']);
    expect(second.runner.describe().lanes.slots).toEqual(first.runner.describe().lanes.slots);
    expect([...tuning.texts.keys()]).toEqual([`${'1'.padStart(64, '0')}, mock, cores 2, threads any, rows 64`]);
    await closeBench(first);
    await closeBench(second);
  });
});

describe('what is measured anew', () => {
  const others: [string, MockBackendOptions, Partial<RunnerOptions>][] = [
    ['another model', twoCores, { model: '2' }],
    ['another size of batches', twoCores, { batching: { maxBatchRows: 32 } }],
    ['another number of cores', { ...twoCores, threading: { cores: 3 } }, {}],
    ['threads that the user fixed', { ...twoCores, threading: { cores: 2, threads: 1 } }, {}],
    ['another backend', { ...twoCores, name: 'other' }, {}],
    ['another device', { ...twoCores, device: 'webgpu' }, {}],
  ];
  test.each(others)('%s', async (_what, mock, options) => {
    const first = await open();
    const second = await open(mock, options, first.clock);
    expect([sourceOf(first), sourceOf(second)]).toEqual(['measured', 'measured']);
    await closeBench(first);
    await closeBench(second);
  });

  test('what another clock measured', async () => {
    const [first, second] = [await open(), await open()];
    expect([sourceOf(first), sourceOf(second)]).toEqual(['measured', 'measured']);
    await closeBench(first);
    await closeBench(second);
  });

  test('lanes that cannot be opened any more, which is logged', async () => {
    const first = await open();
    const second = await open(
      {
        ...twoCores,
        failLane: (_model, tried) => (tried === 1 ? new FairleadError('LANE_LOST', 'out of memory') : undefined),
      },
      {},
      first.clock,
    );
    expect(sourceOf(second)).toBe('measured');
    expect(second.log).toEqual([
      'warn: The lanes that were best for mock at an earlier time cannot be opened, so others are measured: out of memory',
    ]);
    await closeBench(first);
    await closeBench(second);
  });

  const good: TuningRecord = {
    lanes: 2,
    threads: 1,
    device: 'cpu',
    cores: 2,
    batch: { rows: 64, computeMs: 8 },
    trials: [{ lanes: 1, threads: 1, rowsPerSecond: 8000 }],
    tookMs: 100,
  };
  const rubbish: [string, unknown][] = [
    ['null', null],
    ['text', 'two lanes'],
    ['an empty object', {}],
    ['no lanes', { ...good, lanes: 0 }],
    ['half a lane', { ...good, lanes: 1.5 }],
    ['lanes by another name', { ...good, lanes: 'outline' }],
    ['more threads than cores', { ...good, lanes: 3 }],
    ['other cores than there are', { ...good, cores: 64 }],
    ['threads as text', { ...good, threads: '1' }],
    ['no device', { ...good, device: undefined }],
    ['no batch', { ...good, batch: undefined }],
    ['a batch without a time', { ...good, batch: { rows: 64 } }],
    ['no trials', { ...good, trials: undefined }],
    ['a trial that says nothing', { ...good, trials: [{ lanes: 1, threads: 1 }] }],
    ['a time that is none', { ...good, tookMs: Number.NaN }],
  ];

  test.each(rubbish)('where a store answers rubbish: %s', async (_what, answer) => {
    const written: TuningRecord[] = [];
    const tuning = {
      read: () => answer as TuningRecord,
      write: (_key: string, record: TuningRecord) => void written.push(record),
    };
    const bench = await open(twoCores, { tuning });
    expect(sourceOf(bench)).toBe('measured');
    expect(written).toHaveLength(1);
    await closeBench(bench);
  });

  test('but not where it answers what is right', async () => {
    const bench = await open(twoCores, { tuning: { read: () => good, write: () => expect.unreachable() } });
    expect(bench.runner.describe().lanes.tuning).toEqual({ source: 'remembered', ...good });
    await closeBench(bench);
  });

  test('more threads than cores are followed where the user fixed them, and only as many', async () => {
    const mock = { ...twoCores, threading: { cores: 2, threads: 4 } };
    for (const [threads, source] of [
      [4, 'remembered'],
      [3, 'measured'],
    ] as const) {
      const record = { ...good, lanes: 1, threads };
      const bench = await open(mock, { tuning: { read: async () => record, write() {} } });
      expect(sourceOf(bench)).toBe(source);
      await closeBench(bench);
    }
  });
});

describe('a store that fails', () => {
  const broken = (): never => {
    throw new Error('disk on fire');
  };
  const failing: [string, TuningStore, string[]][] = [
    ['when it is read', { read: broken, write() {} }, ['could not be read, so they are measured']],
    ['when it is written', { read: () => undefined, write: broken }, ['could not be kept']],
    [
      'by promises',
      { read: () => Promise.reject(new Error('disk on fire')), write: () => Promise.reject(new Error('disk on fire')) },
      ['could not be read, so they are measured', 'could not be kept'],
    ],
  ];
  test.each(failing)('%s is logged, and the model is loaded', async (_what, tuning, complaints) => {
    const bench = await open(twoCores, { tuning });
    expect(sourceOf(bench)).toBe('measured');
    expect(bench.log).toEqual(
      complaints.map((what) => `warn: What was measured for the lanes of mock ${what}: disk on fire`),
    );
    await closeBench(bench);
  });
});

test('a process keeps 256 records, and forgets what it measured longest ago', async () => {
  const clock = createVirtualClock();
  const sourceOfModel = async (model: string): Promise<string | undefined> => {
    const backend = createMockBackend({ clock, workers: true });
    const runner = await until(createRunner({ model, backend, clock, logger: collectInto([]) }), clock);
    const { tuning } = runner.describe().lanes;
    await until(runner.close(), clock);
    return tuning?.source;
  };
  for (let model = 0; model < 257; model++) expect(await sourceOfModel(`${model}`)).toBe('measured');
  expect(await sourceOfModel('1')).toBe('remembered');
  expect(await sourceOfModel('0')).toBe('measured');
}, 30_000);
