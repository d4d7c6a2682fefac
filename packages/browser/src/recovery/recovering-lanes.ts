import type { LaneHost } from '@fairlead/core';
import type { RecoverySettings } from './options';

/** What a backend says of its devices, so that its lanes can change between them. */
export interface RecoveringLanesParts<O> {
  /** The devices that were asked for, in order. */
  readonly devices: readonly string[];
  /** The options of its worker module for a part of them. */
  readonly optionsFor: (devices: readonly string[]) => O;
  readonly settings: RecoverySettings;
}

/**
 * Opens sessions in Web Workers, each in one of its own, that survive the loss of a device: see `docs/browser/recovery.md`.
 * For any backend that takes a list of devices.
 */
export function recoveringLanes<O>({ devices, optionsFor, settings }: RecoveringLanesParts<O>): LaneHost {
  return {
    staysInWorker: true,
    async openLane({ moduleUrl }, model, options) {
      const { openPageLane } = await import('./open-page-lane');
      const moduleFor = (some: readonly string[]) => ({ moduleUrl, options: optionsFor(some) });
      return openPageLane({ model, devices, moduleFor, settings }, options);
    },
  };
}
