import { type Session, systemClock } from '@fairlead/core';
import { openWorkerLane } from '../lanes/open-lane';
import { createDeviceBreaker } from './device-breaker';
import type { LadderParts } from './ladder';
import { openRecoveringLane, type RecoveringLaneOptions } from './recovering-lane';

/** What one runner of the page learnt of a GPU holds for all of them. */
const breaker = createDeviceBreaker(systemClock);

/** Opens a lane of this page that helps itself. */
export function openPageLane(
  parts: Pick<LadderParts, 'model' | 'devices' | 'moduleFor' | 'settings'>,
  options: RecoveringLaneOptions,
): Promise<Session> {
  return openRecoveringLane({ ...parts, openWorker: openWorkerLane, breaker, clock: systemClock }, options);
}
