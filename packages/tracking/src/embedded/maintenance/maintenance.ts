import { throwIfAborted } from '@fairlead/core';
import type { CompactOptions, CompactReport, StoreMaintenance } from '../../store/maintenance';
import { markName, parseMark } from '../index/run-marks';
import { createRegistryStore } from '../registry-store';
import { checkStore } from './check-store';
import { collectGarbage, type GarbageSubject } from './collect-garbage';
import { compactRun } from './compact-run';

/** Segments that were written to within this time are not compacted, in milliseconds. */
const restMs = 600_000;

/** What can be done to a folder as a whole. */
export function createMaintenance(subject: GarbageSubject): StoreMaintenance {
  const { files, dir, runs } = subject;
  const root = files.join(dir, 'runs');

  const compact = async ({ dryRun = false, signal }: CompactOptions = {}): Promise<CompactReport> => {
    const report = { runs: 0, segments: { before: 0, after: 0 }, bytes: { before: 0, after: 0 } };
    const skipped: { run: string; reason: string }[] = [];
    const names = await files.list(root);
    const marks = names.flatMap((name) => parseMark(name) ?? []);
    const opened = new Set(marks.flatMap(({ state, run }) => (state === 'opened' ? run : [])));
    for (const id of names.filter((name) => !name.startsWith('.')).sort()) {
      throwIfAborted(signal, 'Compacting the runs');
      const options = { files, folder: files.join(root, id), id, dryRun, before: Date.now() - restMs };
      const done = opened.has(id) ? undefined : await compactRun(options);
      if (done === undefined) continue;
      if ('skipped' in done) {
        skipped.push({ run: id, reason: done.skipped });
        continue;
      }
      report.runs++;
      report.segments.before += done.segments;
      report.segments.after++;
      report.bytes.before += done.before;
      report.bytes.after += done.after;
      if (dryRun) continue;
      runs.index.touch(id);
      for (const mark of marks) if (mark.run === id) await files.remove(files.join(root, markName(mark)));
    }
    return { ...report, skipped };
  };

  return {
    compact,
    collectGarbage: (options = {}) => collectGarbage(subject, options),
    check: async (options = {}) => {
      // Not the store's own, which reads only what is new.
      const registry = createRegistryStore({ ...subject, pollMs: 1000 });
      try {
        return await checkStore({ ...subject, registry }, options);
      } finally {
        await registry.close();
      }
    },
  };
}
