import type { Clock } from '@fairlead/core';
import type { TrackingStore } from './store/tracking-store';
import type { Tracker } from './tracker';

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
