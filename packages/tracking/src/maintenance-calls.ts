import { type CallOptions, FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type {
  CheckReport,
  CollectGarbageOptions,
  CompactOptions,
  CompactReport,
  GarbageReport,
  StoreMaintenance,
} from './store/maintenance';
import type { TrackingStore } from './store/tracking-store';

const signal = z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal'));
const compactSchema = z.strictObject({ dryRun: z.optional(z.boolean()), signal });
const garbageSchema = z.strictObject({
  dryRun: z.optional(z.boolean()),
  olderThanMs: z.optional(z.int().check(z.minimum(60_000))),
  signal,
});
const checkSchema = z.strictObject({ signal });

/** What a tracker does to its store as a whole. */
export interface MaintenanceCalls {
  /**
   * Makes the segments of every run that has ended one, so that it takes less space and is read faster; every point is kept
   * exactly. Safe while other processes read and write; a crash at any moment loses nothing.
   * @throws FairleadError `INVALID_OPTION`, `STORE_FAILED`, `UNSUPPORTED` for a store that looks after itself, `ABORTED`
   */
  compact(options?: CompactOptions): Promise<CompactReport>;
  /**
   * Removes for good, once it is old enough: runs that were deleted, artifacts that no run and no version refers to, files
   * that crashes left. Safe while other processes read and write. Where damage may hide a reference, artifacts are kept.
   * @throws FairleadError as `compact`
   */
  collectGarbage(options?: CollectGarbageOptions): Promise<GarbageReport>;
  /**
   * Reads everything that the store holds and reports what is wrong with it. Changes nothing.
   * @throws FairleadError as `compact`
   */
  check(options?: CallOptions): Promise<CheckReport>;
}

/** Options without those that are undefined. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Checks options and hands them to the store. */
export function createMaintenanceCalls(store: TrackingStore, checkOpen: () => void): MaintenanceCalls {
  const maintenance = (): StoreMaintenance => {
    checkOpen();
    if (store.maintenance !== undefined) return store.maintenance;
    throw new FairleadError('UNSUPPORTED', `The store "${store.name}" looks after itself.`, {
      details: { field: 'store', expected: 'a store with maintenance, such as the embedded one', given: store.name },
    });
  };
  return {
    compact: async (options = {}) => maintenance().compact(given(parseOptions(compactSchema, options, 'compact'))),
    collectGarbage: async (options = {}) =>
      maintenance().collectGarbage(given(parseOptions(garbageSchema, options, 'collectGarbage'))),
    check: async (options = {}) => maintenance().check(given(parseOptions(checkSchema, options, 'check'))),
  };
}
