import { throwIfAborted } from '@fairlead/core';
import { statusOf } from '../run-record';
import type { Tracker } from '../tracker';
import { checkComparedIds, compareRuns, missingRun } from './compare-runs';
import type { SearchContext } from './tracker-search';

/** The `compare` of a tracker. */
export function createCompare(context: SearchContext): Tracker['compare'] {
  return async (ids, options = {}) => {
    context.checkOpen();
    checkComparedIds(ids);
    await context.writeOut();
    const { signal, ...rest } = options;
    throwIfAborted(signal, 'Comparing runs');
    const now = context.clock.epochMs();
    const runs = await Promise.all(
      ids.map(async (id) => {
        const isId = typeof id === 'string' && /^[0-9a-f]{32}$/.test(id);
        const run = isId ? await context.store.runs.read(id, signal === undefined ? {} : { signal }) : undefined;
        if (run === undefined) throw missingRun(id);
        return { ...run, status: statusOf(run, now) };
      }),
    );
    return compareRuns(runs, rest);
  };
}
