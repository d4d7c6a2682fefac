import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FairleadError, type Logger, sha256Hex } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from './embedded/embedded-store';
import { nodeFiles } from './files/node-files';
import { createFaultyFiles } from './fixtures/faulty-files';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';
import type { Run } from './run/run';
import type { Tracker } from './tracker';
import type { TrackerOptions } from './tracker-options';

async function open(dir: string, options: Partial<TrackerOptions> = {}): Promise<Tracker> {
  const tracker = await openTracker({ dir, ...options } as TrackerOptions);
  onTestFinished(() => tracker.close());
  return tracker;
}

function collectingLogger() {
  const lines: string[] = [];
  const add = (_details: object, message: string): void => void lines.push(message);
  return { lines, logger: { debug: add, info: add, warn: add, error: add } satisfies Logger };
}

describe('a run', () => {
  test('comes back with everything that was logged, every number exactly', async () => {
    const dir = await temporaryFolder();
    const clock = createVirtualClock();
    const tracker = await open(dir, { clock });
    const params = {
      lr: 0.1,
      depth: 3,
      name: 'wide "net"',
      bias: true,
      floor: Number.NEGATIVE_INFINITY,
    };
    const id = await tracker.withRun({ experiment: 'digits', name: 'first', params, tags: { by: 'test' } }, (run) => {
      run.log({ loss: 0.5, accuracy: Number.NaN }, { step: 1 });
      run.log({ loss: Number.POSITIVE_INFINITY }, { step: 3, timestamp: 42 });
      run.log({ loss: -0, 'val/größe': 1e-320 }, { step: 2 });
      run.logParams({ lr: 0.1, late: Number.NaN });
      run.setTags({ by: 'somebody else', note: 'ü' });
      return run.id;
    });
    const other = await open(dir, { clock });
    for (const reader of [tracker, other]) {
      const run = await reader.getRun(id);
      expect(run).toMatchObject({
        id,
        experiment: 'digits',
        name: 'first',
        status: 'FINISHED',
        startedAt: clock.epochMs(),
        endedAt: clock.epochMs(),
        tags: { by: 'somebody else', note: 'ü' },
        damage: [],
      });
      expect(run.params).toEqual({
        lr: 0.1,
        depth: 3,
        name: 'wide "net"',
        bias: true,
        floor: Number.NEGATIVE_INFINITY,
        late: Number.NaN,
      });
      expect(run.metrics).toEqual({
        loss: {
          count: 3,
          last: Number.POSITIVE_INFINITY,
          step: 3,
          timestamp: 42,
          min: -0,
          max: Number.POSITIVE_INFINITY,
        },
        accuracy: { count: 1, last: Number.NaN, step: 1, timestamp: clock.epochMs(), min: Number.NaN, max: Number.NaN },
        'val/größe': { count: 1, last: 1e-320, step: 2, timestamp: clock.epochMs(), min: 1e-320, max: 1e-320 },
      });
      const { steps, timestamps, values } = await run.history('loss');
      expect([...steps]).toEqual([1, 3, 2]);
      expect([...timestamps]).toEqual([clock.epochMs(), 42, clock.epochMs()]);
      expect([...values]).toEqual([0.5, Number.POSITIVE_INFINITY, -0]);
      await expect(run.history('los')).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining('"accuracy", "loss", "val/größe"'),
      });
    }
  });

  test('that throws is FAILED with its error, and the error is thrown on', async () => {
    const tracker = await open(await temporaryFolder());
    const error = Object.assign(new TypeError('no gradient'), { code: 'E_GRADIENT' });
    let id = '';
    await expect(
      tracker.withRun({}, async (run) => {
        id = run.id;
        run.log({ loss: 1 });
        throw error;
      }),
    ).rejects.toBe(error);
    const run = await tracker.getRun(id);
    expect(run.status).toBe('FAILED');
    expect(run.error).toEqual({ name: 'TypeError', message: 'no gradient', code: 'E_GRADIENT' });
    expect(run.metrics.loss?.count).toBe(1);
  });

  test('that is disposed without complete() is INTERRUPTED, as are those open when the tracker closes', async () => {
    const dir = await temporaryFolder();
    const tracker = await open(dir);
    const [disposed, completed, left] = await Promise.all([tracker.startRun(), tracker.startRun(), tracker.startRun()]);
    await disposed[Symbol.asyncDispose]();
    await completed.complete();
    await completed[Symbol.asyncDispose]();
    expect(disposed.status).toBe('INTERRUPTED');
    left.log({ loss: 1 });
    await tracker.close();
    const other = await open(dir);
    expect((await other.getRun(disposed.id)).status).toBe('INTERRUPTED');
    expect((await other.getRun(completed.id)).status).toBe('FINISHED');
    expect(await other.getRun(left.id)).toMatchObject({ status: 'INTERRUPTED', metrics: { loss: { count: 1 } } });
  });

  test('that has ended takes nothing more', async () => {
    const tracker = await open(await temporaryFolder());
    const run = await tracker.startRun();
    await run.complete();
    await run.complete();
    const closed = expect.objectContaining({ code: 'CLOSED' });
    expect(() => run.log({ loss: 1 })).toThrow(closed);
    expect(() => run.logParams({ lr: 1 })).toThrow(closed);
    expect(() => run.setTags({ a: 'b' })).toThrow(closed);
    await expect(run.logArtifact('a', new Uint8Array(1))).rejects.toEqual(closed);
    await expect(run.flush()).rejects.toEqual(closed);
    await expect(run.fail(new Error('late'))).rejects.toEqual(closed);
    await tracker.close();
    await expect(tracker.startRun()).rejects.toEqual(closed);
    await expect(tracker.runs()).rejects.toEqual(closed);
    expect(() => tracker.registry.model('digits/1')).toThrow(closed);
  });

  test('whose process falls silent reads as KILLED when its lease is over, and as RUNNING while it beats', async () => {
    const dir = await temporaryFolder();
    const [mine, theirs] = [createVirtualClock(), createVirtualClock()];
    const writer = await open(dir, { clock: mine, heartbeatMs: 100, leaseMs: 300 });
    const reader = await open(dir, { clock: theirs });
    const run = await writer.startRun();
    await run.flush();
    const status = async () => (await reader.getRun(run.id)).status;
    await theirs.advance(300);
    expect(await status()).toBe('RUNNING');
    await theirs.advance(1);
    expect(await status()).toBe('KILLED');
    await mine.advance(100);
    await run.flush();
    expect(await status()).toBe('RUNNING');
    await theirs.advance(100);
    expect(await status()).toBe('KILLED');
    expect(await reader.runs({ status: 'KILLED' })).toHaveLength(1);
    expect((await reader.getRun(run.id)).endedAt).toBeUndefined();
  });

  test('is written in the background after the flush interval', async () => {
    const dir = await temporaryFolder();
    const clock = createVirtualClock();
    const writer = await open(dir, { clock, flushIntervalMs: 50 });
    const run = await writer.startRun();
    run.log({ loss: 1 });
    expect(run.health()).toMatchObject({ bufferedPoints: 1, lagMs: 0 });
    await clock.advance(49);
    expect(run.health()).toMatchObject({ bufferedPoints: 1, writtenPoints: 0, lagMs: 49 });
    await clock.advance(1);
    while (run.health().writtenPoints === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(run.health()).toMatchObject({ bufferedPoints: 0, bufferedBytes: 0, writtenPoints: 1, lagMs: 0 });
  });

  test('logs on while the disk is full, says so once, and completes when there is room again', async () => {
    const dir = await temporaryFolder();
    const faulty = createFaultyFiles();
    const clock = createVirtualClock();
    const { lines, logger } = collectingLogger();
    const store = await openEmbeddedStore({
      files: faulty.files,
      dir,
      clock,
      pollMs: 1000,
      maxBufferedBytes: 65_536,
      overflow: 'write',
    });
    const tracker = await openTracker({ store, clock, logger, flushIntervalMs: 10 });
    const run = await tracker.startRun();
    faulty.writeFault = 'ENOSPC';
    for (let i = 1; i <= 3; i++) {
      run.log({ loss: i }, { step: i });
      await clock.advance(10);
      while (run.health().failures < i) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(lines).toEqual([expect.stringContaining('ENOSPC')]);
    await expect(run.flush()).rejects.toMatchObject({ code: 'STORE_FAILED', details: { errno: 'ENOSPC' } });
    await expect(run.complete()).rejects.toMatchObject({ details: { errno: 'ENOSPC' } });
    faulty.writeFault = undefined;
    await run.complete();
    expect(await tracker.getRun(run.id)).toMatchObject({
      status: 'FINISHED',
      metrics: { loss: { count: 3 } },
      damage: [],
    });
    await tracker.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('lists newest first, filtered and limited', async () => {
    const clock = createVirtualClock();
    const tracker = await open(await temporaryFolder(), { clock });
    const ids: string[] = [];
    for (const experiment of ['a', 'b', 'a']) {
      await clock.advance(1);
      ids.push(await tracker.withRun({ experiment }, (run) => run.id));
    }
    const listed = async (filter = {}) => (await tracker.runs(filter)).map((run) => ids.indexOf(run.id));
    expect(await listed()).toEqual([2, 1, 0]);
    expect(await listed({ experiment: 'a' })).toEqual([2, 0]);
    expect(await listed({ experiment: 'a', limit: 1 })).toEqual([2]);
    expect(await listed({ status: 'FAILED' })).toEqual([]);
    await expect(tracker.runs({ experimnt: 'a' } as object)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(tracker.getRun('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('with a torn tail or a flipped byte is read for the rest, and says what is damaged', async () => {
    const dir = await temporaryFolder();
    const tracker = await open(dir);
    const run = await tracker.startRun({ params: { lr: 1 } });
    for (const step of [1, 2, 3]) {
      run.log({ loss: step }, { step });
      await run.flush();
    }
    await run.complete();
    const [name] = await nodeFiles.list(join(dir, 'runs', run.id));
    const path = join(dir, 'runs', run.id, name as string);
    const bytes = (await nodeFiles.read(path)) as Uint8Array;
    const text = Buffer.from(bytes).toString('latin1');
    const third = text.lastIndexOf('loss');
    const flipped = Buffer.from(bytes);
    flipped[third] = 0;
    await writeFile(path, flipped);
    const reader = await open(dir);
    const damaged = await reader.getRun(run.id);
    expect(damaged).toMatchObject({ status: 'FINISHED', params: { lr: 1 }, metrics: { loss: { count: 2, last: 2 } } });
    expect(damaged.damage).toEqual([
      { file: `runs/${run.id}/${name}`, offset: expect.any(Number), length: expect.any(Number), kind: 'corrupt' },
    ]);
    expect([...(await damaged.history('loss')).values]).toEqual([1, 2]);
    // Mended from a copy, the same reader sees it whole again.
    await writeFile(path, bytes);
    expect(await reader.getRun(run.id)).toMatchObject({ metrics: { loss: { count: 3 } }, damage: [] });
    await writeFile(path, bytes.subarray(0, bytes.byteLength - 1));
    const clock = createVirtualClock(Date.now() + 1e9);
    const torn = await (await open(dir, { clock })).getRun(run.id);
    expect(torn).toMatchObject({ status: 'KILLED', metrics: { loss: { count: 3 } } });
    expect(torn.damage).toEqual([expect.objectContaining({ kind: 'torn-tail' })]);
  });
});

describe('what a run refuses', () => {
  async function startRun(): Promise<Run> {
    return (await open(await temporaryFolder())).startRun({ params: { lr: 0.1 } });
  }
  const log = (metrics: unknown, options?: unknown) => (run: Run) => run.log(metrics as never, options as never);

  test.each<[name: string, field: string, use: (run: Run) => void]>([
    ['a metric that is text', 'metrics.loss', log({ loss: 'abc' })],
    ['a metric that is null', 'metrics.loss', log({ loss: null })],
    ['a metric that is a bigint', 'metrics.loss', log({ loss: 1n })],
    ['a metric that is a boolean', 'metrics.loss', log({ loss: true })],
    ['metrics that are an array', 'metrics', log([1, 2])],
    ['metrics that are text', 'metrics', log('loss')],
    ['a step of 1.5', 'step', log({ loss: 1 }, { step: 1.5 })],
    ['a step of NaN', 'step', log({ loss: 1 }, { step: Number.NaN })],
    ['a step that is text', 'step', log({ loss: 1 }, { step: '1' })],
    ['a step past the safe integers', 'step', log({ loss: 1 }, { step: 2 ** 53 })],
    ['a timestamp of 1.5', 'timestamp', log({ loss: 1 }, { timestamp: 1.5 })],
    ['a timestamp before 1970', 'timestamp', log({ loss: 1 }, { timestamp: -1 })],
    ['a step given bare', 'options of log', log({ loss: 1 }, 3)],
    ['an option that does not exist', 'options.stepp', log({ loss: 1 }, { stepp: 3 })],
    ['an empty metric name', 'metric name', log({ '': 1 })],
    ['a metric name of 251 characters', 'metric name', log({ ['x'.repeat(251)]: 1 })],
    ['a metric name with a strange character', 'metric name', log({ 'loss?': 1 })],
    ['a metric name that climbs', 'metric name', log({ 'a/../b': 1 })],
    ['a param that is an object', 'params.a', (run) => run.logParams({ a: {} } as never)],
    ['a param name with a strange character', 'param name', (run) => run.logParams({ 'a\n': 1 })],
    ['a tag that is a number', 'tags.a', (run) => run.setTags({ a: 1 } as never)],
  ])('%s', async (_name, field, use) => {
    const run = await startRun();
    expect(() => use(run)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field }) }),
    );
    expect(run.health().bufferedPoints).toBe(0);
  });

  test('a log call with one bad value logs none of its values', async () => {
    const run = await startRun();
    expect(() => run.log({ good: 1, bad: 'x' } as never)).toThrow(FairleadError);
    run.log({ good: 2 });
    expect(run.health().bufferedPoints).toBe(1);
  });

  test('another value of a param, but not the same again', async () => {
    const run = await startRun();
    run.logParams({ lr: 0.1 });
    expect(() => run.logParams({ fresh: 1, lr: 0.2 })).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    run.logParams({ fresh: 2 }); // nothing of the refused call was kept
    expect(() => run.setTags({ longer: 'x'.repeat(65_537) })).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('logArtifact') }),
    );
  });

  test.each(['', '/etc/passwd', '../up', 'a/../../b', 'a//b', 'a\\b', 'C:/x', 'a\0b', '.'])(
    'the artifact name %j',
    async (name) => {
      const run = await startRun();
      await expect(run.logArtifact(name, new Uint8Array(1))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    },
  );

  test.each([
    [{}, 'dir'],
    [{ dir: 'x', directory: 'y' }, 'directory'],
    [{ dir: '' }, 'dir'],
    [{ dir: 'x', heartbeatMs: 0 }, 'heartbeatMs'],
    [{ dir: 'x', heartbeatMs: 60_000 }, 'heartbeatMs'],
    [{ dir: 'x', overflow: 'block' }, 'overflow'],
    [{ store: {} }, 'store'],
  ])('the tracker options %j', async (options, field) => {
    await expect(openTracker(options as never)).rejects.toMatchObject({ code: 'INVALID_OPTION', details: { field } });
  });
});

describe('artifacts', () => {
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) & 0xff);

  async function* inPieces() {
    for (let at = 0; at < bytes.length; at += 999_983) yield bytes.subarray(at, at + 999_983);
  }

  test('from bytes, a file and a stream are the same content, kept once, and read back checked', async () => {
    const dir = await temporaryFolder();
    const path = join(dir, 'model.bin');
    await writeFile(path, bytes);
    const tracker = await open(join(dir, 'store'));
    const digest = await sha256Hex(bytes);
    const id = await tracker.withRun({}, async (run) => {
      const expected = { digest, size: bytes.length };
      expect(await run.logArtifact('a/bytes.bin', bytes)).toEqual(expected);
      expect(await run.logArtifact('file.bin', path)).toEqual(expected);
      expect(await run.logArtifact('stream.bin', inPieces())).toEqual(expected);
      expect(await run.logArtifact('empty', new Uint8Array(0))).toMatchObject({ size: 0 });
      return run.id;
    });
    expect([...(await nodeFiles.list(join(dir, 'store', 'artifacts')))].sort()).toEqual(
      ['.uploads', digest, await sha256Hex(new Uint8Array(0))].sort(),
    );
    const run = await tracker.getRun(id);
    expect(run.artifacts.map((artifact) => artifact.name)).toEqual(['a/bytes.bin', 'file.bin', 'stream.bin', 'empty']);
    expect(Buffer.compare(await run.artifact('stream.bin').read(), bytes)).toBe(0);
    expect(() => run.artifact('nope')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });

  test('changed on the disk are refused, and the right bytes mend them', async () => {
    const dir = await temporaryFolder();
    const tracker = await open(dir);
    const run = await tracker.startRun();
    const { digest } = await run.logArtifact('m', bytes);
    const changed = bytes.slice();
    changed[1234] = 0xff ^ (changed[1234] as number);
    await writeFile(join(dir, 'artifacts', digest), changed);
    const artifact = (await tracker.getRun(run.id)).artifact('m');
    await expect(artifact.read()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', details: { expected: digest } });
    await run.logArtifact('m', bytes);
    expect(Buffer.compare(await artifact.read(), bytes)).toBe(0);
  });

  test('that cannot be read leave nothing behind', async () => {
    const dir = await temporaryFolder();
    const tracker = await open(dir);
    const run = await tracker.startRun();
    await expect(run.logArtifact('m', join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(run.logArtifact('m', [1] as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const abort = new AbortController();
    async function* endless() {
      for (;;) {
        yield bytes;
        abort.abort();
      }
    }
    await expect(run.logArtifact('m', endless(), { signal: abort.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await nodeFiles.list(join(dir, 'artifacts'))).toEqual(['.uploads']);
    expect(await nodeFiles.list(join(dir, 'artifacts', '.uploads'))).toEqual([]);
    await run.complete();
    expect((await tracker.getRun(run.id)).artifacts).toEqual([]);
  });
});

describe('a data directory', () => {
  test('of a later format is refused', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'fairlead.json'), '{"format":3}');
    await expect(openTracker({ dir })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await writeFile(join(dir, 'fairlead.json'), '');
    await expect(openTracker({ dir })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('that cannot be made is an error that names it', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'file'), 'x');
    await expect(openTracker({ dir: join(dir, 'file', 'store') })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      details: { errno: 'ENOTDIR' },
    });
  });

  test('is opened by many at once', async () => {
    const dir = await temporaryFolder();
    const trackers = await Promise.all(Array.from({ length: 8 }, () => open(dir)));
    await Promise.all(trackers.map((tracker) => tracker.withRun({}, (run) => run.log({ loss: 1 }))));
    expect(await (trackers[0] as Tracker).runs({ status: 'FINISHED' })).toHaveLength(8);
  });
});
