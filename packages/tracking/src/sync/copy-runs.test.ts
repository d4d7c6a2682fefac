import { join } from 'node:path';
import { createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import { expect, test } from 'vitest';
import { platformFiles } from '#files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { MetricHistory, RunWriter, StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { type CopyMarks, createMarkFiles, noMarks } from './copy-marks';
import { type CopyRunsOptions, copyRuns } from './copy-runs';
import { pointText } from './point-mark';
import { createRandom, letForeignFileArrive, logAWhile, openStore } from './random-log.fixture';
import { canonicalText } from './run-state';
import { createServerStore } from './server-store.fixture';
import type { SyncReport } from './sync-report';

const start = 1_700_000_000_000;
/** The clock of a machine that logged before all others. */
const earlier = createVirtualClock(start - 1000);

/** An interruption: the connection is cut, or the process dies. */
class Cut extends Error {}

/** Copies everything that one store has into another. */
function copyAll(
  source: TrackingStore,
  target: CopyRunsOptions['target'],
  marks: CopyMarks,
  clock: VirtualClock,
  options: Partial<CopyRunsOptions> = {},
): Promise<SyncReport> {
  const usual = { artifacts: 'new', verify: false, signal: undefined, onProgress: undefined } as const;
  return copyRuns({ ...usual, source, target, marks, clock, ...options });
}

function pointsOf({ steps, timestamps, values }: MetricHistory): string[] {
  return Array.from(steps, (step, i) => pointText(step, timestamps[i] as number, values[i] as number));
}

/** What counts of a run, in an order that does not depend on the store. */
function comparable(run: StoredRun): unknown {
  const { damage: _, leaseUntil: __, metrics, ...rest } = run;
  const sorted = (items: readonly unknown[]): string[] => items.map(canonicalText).sort();
  return {
    ...rest,
    metrics: Object.keys(metrics).sort(),
    artifacts: sorted(run.artifacts),
    inputs: sorted(run.inputs),
    uses: sorted(run.uses),
  };
}

async function everyRun(store: TrackingStore): Promise<readonly StoredRun[]> {
  return (await store.runs.search({ deleted: 'include', limit: 50_000 })).runs;
}

/**
 * Expects the same runs on both sides, with the same points.
 * @param once whether the target keeps equal points once
 * @param shuffled metrics whose points may be in another order, since a file that sorts before others came later
 */
async function expectSame(
  source: TrackingStore,
  target: TrackingStore,
  once: boolean,
  shuffled: ReadonlySet<string> = new Set(),
): Promise<void> {
  const mine = await everyRun(source);
  let missing = 0;
  for (const run of mine) {
    const there = await target.runs.read(run.id);
    if (there === undefined) {
      // Deleted before anything of it was sent.
      expect(run.deletedAt).toBeDefined();
      missing++;
      continue;
    }
    expect(comparable(there)).toEqual(comparable(run));
    for (const key of Object.keys(run.metrics)) {
      const points = pointsOf(await source.runs.history(run.id, key));
      const expected = once ? [...new Set(points)] : points;
      const found = pointsOf(await target.runs.history(run.id, key));
      if (shuffled.has(run.id)) expect(found.sort()).toEqual(expected.sort());
      else expect(found).toEqual(expected);
    }
    for (const { name, digest, size } of run.artifacts) {
      const ref = { size, place: { run: run.id, name }, ...(digest === undefined ? {} : { digest }) };
      expect(Buffer.compare(await target.artifacts.read(ref), await source.artifacts.read(ref))).toBe(0);
    }
  }
  expect(await everyRun(target)).toHaveLength(mine.length - missing);
}

/** A store that can be cut off before and after everything that it does. */
function withCuts(store: TrackingStore, trip: () => void): TrackingStore {
  const cut =
    <Args extends readonly unknown[], T>(work: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      trip();
      const result = await work(...args);
      trip();
      return result;
    };
  const cutWriter = (writer: RunWriter): RunWriter => ({
    append: (event) => writer.append(event),
    appendPoints: (points) => writer.appendPoints(points),
    write: cut(() => writer.write()),
    flush: cut((durability) => writer.flush(durability)),
    health: () => writer.health(),
    close: () => writer.close(),
  });
  const cutOpen = async (open: () => Promise<RunWriter>): Promise<RunWriter> => {
    trip();
    const writer = await open();
    try {
      trip();
    } catch (error) {
      await writer.close(); // the system closes the files of a process that dies
      throw error;
    }
    return cutWriter(writer);
  };
  const { runs, artifacts } = store;
  return {
    ...store,
    runs: {
      ...runs,
      create: (event) => cutOpen(() => runs.create(event)),
      open: (id, call) => cutOpen(() => runs.open(id, call)),
      read: cut((id, call) => runs.read(id, call)),
      history: cut((id, key, call) => runs.history(id, key, call)),
    },
    artifacts: { ...artifacts, put: cut((given, call) => artifacts.put(given, call)) },
  };
}

function marksWithCuts(marks: CopyMarks, trip: () => void): CopyMarks {
  return {
    read: (id) => marks.read(id),
    async write(id, mark) {
      trip();
      await marks.write(id, mark);
      trip();
    },
  };
}

/** Copies with interruptions until a copy comes through; each time everything that was in memory is forgotten. */
async function copyUntilDone(
  attempt: (trip: () => void) => Promise<SyncReport>,
  random: () => number,
): Promise<number> {
  let interruptions = 0;
  for (;;) {
    // Sooner or later, so that every place has its turn.
    let left = Math.floor(random() ** 2 * (8 + interruptions));
    let dead = false;
    const trip = (): void => {
      // A process that died does nothing more.
      if (!dead && left-- > 0) return;
      dead = true;
      throw new Cut('cut');
    };
    const { failed } = await attempt(trip).catch((error: unknown) => {
      if (error instanceof Cut) return { failed: [undefined] };
      throw error;
    });
    if (failed.length === 0) return interruptions;
    for (const failure of failed) if (failure !== undefined) expect(failure.error.cause).toBeInstanceOf(Cut);
    interruptions++;
  }
}

test.each([1, 2, 3])(
  'to a server, cut off anywhere, everything arrives and nothing twice (seed %i)',
  { timeout: 300_000 },
  async (seed) => {
    const [dir, marksDir, scratch] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
    const clock = createVirtualClock(start);
    const random = createRandom(seed);
    const server = createServerStore();
    const shuffled = new Set<string>();
    let interruptions = 0;
    for (let round = 0; round < 3; round++) {
      await logAWhile(dir, clock, random);
      if (round % 2 === 1) shuffled.add(await letForeignFileArrive(dir, join(scratch, String(round)), random, earlier));
      const source = await openStore(dir, clock);
      interruptions += await copyUntilDone((trip) => {
        server.trip = trip;
        const marks = marksWithCuts(createMarkFiles(platformFiles, marksDir, 'server'), trip);
        return copyAll(source, { store: server.store, durability: 'remote', isLocal: false }, marks, clock);
      }, random);
      server.trip = () => undefined;
      await expectSame(source, server.store, true, shuffled);
      await source.close();
    }
    expect(interruptions).toBeGreaterThan(20);
  },
);

test.each([4, 5, 6])(
  'to a folder, cut off anywhere, everything arrives and nothing twice (seed %i)',
  { timeout: 300_000 },
  async (seed) => {
    const [dir, copyDir, marksDir, scratch] = (await Promise.all([1, 2, 3, 4].map(temporaryFolder))) as [
      string,
      string,
      string,
      string,
    ];
    const clock = createVirtualClock(start);
    const random = createRandom(seed);
    const shuffled = new Set<string>();
    let interruptions = 0;
    for (let round = 0; round < 3; round++) {
      await logAWhile(dir, clock, random);
      if (round % 2 === 1) shuffled.add(await letForeignFileArrive(dir, join(scratch, String(round)), random, earlier));
      const source = await openStore(dir, clock);
      const usesMarks = random() < 0.5;
      interruptions += await copyUntilDone(async (trip) => {
        const store = await openStore(copyDir, clock);
        try {
          await clock.advance(1);
          const marks = usesMarks ? marksWithCuts(createMarkFiles(platformFiles, marksDir, 'folder'), trip) : noMarks();
          return await copyAll(
            source,
            { store: withCuts(store, trip), durability: 'disk', isLocal: true },
            marks,
            clock,
          );
        } finally {
          if (random() < 0.2) await store.maintenance?.compact();
          await store.close();
        }
      }, random);
      const target = await openStore(copyDir, clock);
      await expectSame(source, target, false, shuffled);
      await Promise.all([source.close(), target.close()]);
    }
    expect(interruptions).toBeGreaterThan(20);
  },
);
