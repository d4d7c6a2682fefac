import type { VirtualClock } from '@fairlead/core/testing';
import type { TrackingStore } from '../store/tracking-store';

/** Where stores keep what they are given. */
export interface TrackingStorePlace {
  /**
   * Another store of this place: several are open at once, and one is opened after all others were closed. The suite closes
   * it.
   */
  open(): TrackingStore | Promise<TrackingStore>;
  /** What moves the store's time, where that is a virtual one. @default the clock of the process */
  readonly clock?: VirtualClock;
  /**
   * An empty folder for files that become artifacts. Absent where there are none, as in a page: artifacts are bytes and streams
   * then.
   */
  readonly folder?: string;
}

/**
 * What a store keeps that not every server can. Whatever is `false` is not left out: the suite then holds the store to what
 * is left, which each field says.
 */
export interface StoreKeeps {
  /** A point of -0 is told from one of 0. Otherwise it is a zero. */
  readonly signOfZero: boolean;
  /** A point of ±1.797…e308 is told from one of ±Infinity. Otherwise it is infinite. */
  readonly largestNumbers: boolean;
  /** Each of several points that are equal in metric, step, time and value is kept. Otherwise at least one of them is. */
  readonly equalPoints: boolean;
  /**
   * Points come back in the order in which they were logged, whatever their times. Otherwise so they do where the time rises
   * from one to the next, and every point comes back.
   */
  readonly orderOfPoints: boolean;
  /** Fractions of a millisecond of the times at which a run started and ended. Otherwise they are rounded down. */
  readonly fractionsOfTimes: boolean;
  /** `count`, `min` and `max` of a metric while the run goes on. Otherwise they are known when it has ended. */
  readonly runningSummaries: boolean;
}

/** What the suite needs to try a store. */
export interface TrackingStoreConformanceOptions {
  /** Makes a place; called anew for each case. Places may share a server: no case looks at what another one made. */
  readonly createPlace: () => TrackingStorePlace | Promise<TrackingStorePlace>;
  /** What the store cannot keep, each `false`. @default everything is kept */
  readonly keeps?: Partial<StoreKeeps>;
}

/** A store that keeps everything, as the embedded one does. */
export const keepsEverything: StoreKeeps = {
  signOfZero: true,
  largestNumbers: true,
  equalPoints: true,
  orderOfPoints: true,
  fractionsOfTimes: true,
  runningSummaries: true,
};
