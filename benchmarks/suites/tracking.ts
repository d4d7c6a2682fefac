import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Result, Suite } from '../lib/suite';
import { measureLogging } from '../tracking/logging';
import { measureSearch } from '../tracking/search';

/** What logging and searching cost on the embedded store. */
export default {
  name: 'tracking',
  describe: 'Logging to the embedded store, beside MLflow, and searching it.',
  async run(context) {
    // Of the disk, not of memory: a sync must mean something. FAIRLEAD_BENCH_FOLDER names another place.
    const folder = await mkdtemp(join(process.env.FAIRLEAD_BENCH_FOLDER ?? tmpdir(), 'fairlead-bench-'));
    try {
      const results: Result[] = [];
      for (const part of [measureLogging, measureSearch]) results.push(...(await part(context, folder)));
      return results;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
} satisfies Suite;
