import { type Clock, FairleadError } from '@fairlead/core';
import type { TrackingStore } from './store/tracking-store';
import type { Tracker } from './tracker';

/*
 * What stands behind a tracker, for the parts of this package that work on a store and are given a tracker. A copy of the
 * package knows only its own trackers.
 */

/** What a tracker stands on. */
export interface TrackerGround {
  readonly store: TrackingStore;
  /** The folder of its store; absent for one that lies elsewhere. */
  readonly dir?: string;
  readonly clock: Clock;
}

const grounds = new WeakMap<Tracker, TrackerGround>();

/** Remembers what a tracker stands on, for other entries of this package. */
export function rememberGround(tracker: Tracker, ground: TrackerGround): void {
  grounds.set(tracker, ground);
}

/** What a tracker stands on; `undefined` for an object that `openTracker` did not make. */
export function groundOf(tracker: Tracker): TrackerGround | undefined {
  return grounds.get(tracker);
}

/** The store of a tracker. @throws FairleadError `INVALID_OPTION` where it is none that `openTracker` of this copy opened */
export function storeOfTracker(tracker: Tracker, caller: string): TrackingStore {
  const ground = grounds.get(tracker);
  if (ground !== undefined) return ground.store;
  throw new FairleadError(
    'INVALID_OPTION',
    `${caller}: "tracker" must be one that openTracker() of the same copy of @fairlead/tracking opened.`,
    {
      details: { field: 'tracker', expected: 'what openTracker() answers', given: 'another' },
    },
  );
}
