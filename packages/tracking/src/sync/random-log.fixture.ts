import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { VirtualClock } from '@fairlead/core/testing';
import { platformFiles } from '#files';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { openTracker } from '../open-tracker';
import type { Run } from '../run/run';
import type { TrackingStore } from '../store/tracking-store';

/** Numbers of chance that are the same for the same seed, 0 to 1. */
export function createRandom(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** An embedded store in a folder. */
export function openStore(dir: string, clock: VirtualClock): Promise<TrackingStore> {
  const limits = { maxBufferedBytes: 8 * 1024 * 1024, overflow: 'write', pollMs: 1000 } as const;
  return openEmbeddedStore({ files: platformFiles, dir, clock, ...limits });
}

const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-300];

async function logSomething(run: Run, random: () => number, clock: VirtualClock): Promise<void> {
  const pick = (most: number): number => Math.floor(random() * most);
  const points = pick(20) === 0 ? 9000 : pick(120);
  for (let i = 0; i < points; i++) {
    const value = pick(10) === 0 ? (values[pick(values.length)] as number) : random();
    // Steps come again, and so do whole points.
    run.log({ [`metric/${pick(4)}`]: value }, { step: pick(50) });
    if (pick(30) === 0 && points < 9000) await clock.advance(1);
  }
  if (pick(3) === 0) run.setTags({ [`tag${pick(5)}`]: `value ${pick(3)}` });
  if (pick(3) === 0)
    run.logParams({ [`param ${clock.epochMs()}`]: [0.1, true, 'text', Number.NaN, -0][pick(5)] as number });
}

/** One process that logs a while into a store: new runs, old ones, ends, artifacts, deletions. */
export async function logAWhile(dir: string, clock: VirtualClock, random: () => number): Promise<void> {
  const pick = (most: number): number => Math.floor(random() * most);
  const tracker = await openTracker({ dir, clock });
  try {
    const known = await tracker.runs({ deleted: 'include' });
    for (let step = 0; step < 3; step++) {
      await clock.advance(1 + pick(5000));
      const old = known[pick(known.length)];
      if (old === undefined || pick(3) === 0) {
        const isParent = pick(2) === 0 && old !== undefined && (await tracker.getRun(old.id)).deletedAt === undefined;
        const parent = isParent ? { parent: old.id } : {};
        const run = await tracker.startRun({ experiment: `experiment ${pick(2)}`, ...parent });
        await logSomething(run, random, clock);
        await run.logArtifact(`files/${pick(3)}.bin`, new Uint8Array(pick(3000)).fill(pick(256)));
        if (pick(2) === 0) await run.logText(`note ${pick(3)}`, `text ${random()}`);
        await run.logDataset({
          name: 'digits',
          digest: String(pick(3)).repeat(64),
          context: 'training',
          rows: pick(9),
        });
        if (pick(3) > 0) await (pick(2) === 0 ? run.complete() : run.fail(new TypeError(`number ${pick(9)}`)));
        continue;
      }
      const now = await tracker.getRun(old.id);
      if (now.deletedAt !== undefined) {
        if (pick(2) === 0) await tracker.restoreRun(old.id);
      } else if (now.status !== 'RUNNING' && pick(4) === 0) {
        await tracker.deleteRun(old.id);
      } else if (now.status !== 'RUNNING' && pick(2) === 0) {
        const run = await tracker.resumeRun(old.id);
        await logSomething(run, random, clock);
        await run.logArtifact(`files/${pick(3)}.bin`, new Uint8Array(pick(3000)).fill(pick(256)));
        if (pick(3) > 0) await run.complete();
      } else if (now.status !== 'RUNNING') {
        await tracker.setTags(old.id, { edited: String(pick(100)) });
      }
    }
    if (pick(3) === 0) await tracker.compact();
  } finally {
    await tracker.close();
  }
}

/**
 * Another machine logged to a run that it had a copy of, a while ago, and now its file arrives: it sorts before some that were
 * there already.
 * @returns the run's id
 */
export async function letForeignFileArrive(
  dir: string,
  scratch: string,
  random: () => number,
  before: VirtualClock,
): Promise<string> {
  await cp(dir, scratch, { recursive: true });
  const ids = (await readdir(join(scratch, 'runs'))).filter((name) => !name.startsWith('.')).sort();
  const id = ids[Math.floor(random() * ids.length)] as string;
  const folder = join('runs', id);
  const known = new Set(await readdir(join(scratch, folder)));
  const store = await openStore(scratch, before);
  const writer = await store.runs.open(id);
  const count = 1 + Math.floor(random() * 50);
  writer.appendPoints({
    count,
    keys: ['metric/0', 'metric/foreign'],
    keyIds: Uint16Array.from({ length: count }, () => Math.floor(random() * 2)),
    steps: Float64Array.from({ length: count }, (_, i) => i),
    timestamps: new Float64Array(count).fill(Math.floor(before.epochMs())),
    values: Float64Array.from({ length: count }, random),
  });
  writer.append({ type: 'tags', at: before.epochMs(), tags: { foreign: String(random()) } });
  await writer.flush('os');
  await writer.close();
  await store.close();
  for (const name of await readdir(join(scratch, folder))) {
    if (!known.has(name)) await cp(join(scratch, folder, name), join(dir, folder, name));
  }
  return id;
}
