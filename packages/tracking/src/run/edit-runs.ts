import type { CallOptions, Clock } from '@fairlead/core';
import { statusOf } from '../run-record';
import { redactRecord } from '../secrets';
import type { RunEvent } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import type { Tracker } from '../tracker';
import { type LiveRuns, runConflict } from './live-runs';
import { checkTags, inGroups } from './values';

/** Changes of runs that are not being logged. */
export function createRunEdits(
  store: TrackingStore,
  live: LiveRuns,
  clock: Clock,
  onRedact: (id: string, field: string) => void,
): Pick<Tracker, 'setTags' | 'deleteRun' | 'restoreRun'> {
  let lastStamp = 0;
  /** A time later than that of every change before, so that of two in one millisecond the later counts. */
  const stamp = (): number => {
    lastStamp = Math.max(clock.epochMs(), lastStamp) + 0.001;
    return lastStamp;
  };
  const durability = store.durabilities.includes('disk') ? 'disk' : (store.durabilities.at(-1) ?? 'os');

  const write = async (id: string, events: readonly RunEvent[], call: CallOptions = {}): Promise<void> => {
    const writer = await store.runs.open(id, call);
    try {
      for (const event of events) writer.append(event);
      await writer.flush(durability);
    } finally {
      await writer.close();
    }
  };

  return {
    async setTags(id, tags) {
      checkTags(tags, store.limits);
      const mine = live.get(id);
      if (mine?.status === 'RUNNING') {
        mine.setTags(tags);
        await mine.flush();
        return;
      }
      const run = await live.find(id);
      if (run.deletedAt !== undefined) throw runConflict(id, 'was deleted: restore it with restoreRun() first.');
      const clean = redactRecord(tags, (name) => onRedact(id, `tags.${name}`));
      const at = stamp();
      await write(
        id,
        Array.from(inGroups(clean), (group) => ({ type: 'tags', at, tags: group })),
      );
    },
    async deleteRun(id) {
      const run = await live.find(id);
      if (run.deletedAt !== undefined) return;
      if (statusOf(run, clock.epochMs()) === 'RUNNING') {
        throw runConflict(id, 'is being logged: end it first, or wait until the lease of its process is over.');
      }
      await write(id, [{ type: 'lifecycle', at: stamp(), deleted: true }]);
    },
    async restoreRun(id) {
      const run = await live.find(id);
      if (run.deletedAt === undefined) return;
      // Later than the deletion, even where that was written by a clock that runs ahead.
      const at = Math.max(stamp(), run.deletedAt + 0.001);
      await write(id, [{ type: 'lifecycle', at, deleted: false }]);
    },
  };
}
