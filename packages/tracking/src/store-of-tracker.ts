import { FairleadError } from '@fairlead/core';
import type { TrackingStore } from './store/tracking-store';
import type { Tracker } from './tracker';

/*
 * What stands behind a tracker, for the parts of this package that work on a store and are given a tracker. A copy of the
 * package knows only its own trackers.
 */

const stores = new WeakMap<Tracker, TrackingStore>();

/** Remembers the store of a tracker. */
export function rememberStore(tracker: Tracker, store: TrackingStore): void {
  stores.set(tracker, store);
}

/** The store of a tracker. @throws FairleadError `INVALID_OPTION` where it is none that `openTracker` of this copy opened */
export function storeOfTracker(tracker: Tracker, caller: string): TrackingStore {
  const store = stores.get(tracker);
  if (store !== undefined) return store;
  throw new FairleadError(
    'INVALID_OPTION',
    `${caller}: "tracker" must be one that openTracker() of the same copy of @fairlead/tracking opened.`,
    {
      details: { field: 'tracker', expected: 'what openTracker() answers', given: 'another' },
    },
  );
}
