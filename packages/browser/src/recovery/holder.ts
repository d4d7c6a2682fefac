import { type CallOptions, type DeviceFallback, FairleadError, type LossReason, type Tensors } from '@fairlead/core';
import type { MemoryWatch } from './memory-watch';
import type { RunWatch } from './run-watch';
import type { WorkerLane } from './worker-lane';

/** A worker that computes, with those who watch it. */
export interface Holder {
  readonly lane: WorkerLane;
  readonly device: string;
  readonly fallbacks: readonly DeviceFallback[];
  readonly runs: RunWatch;
  readonly memory: MemoryWatch;
}

/** Computes in a worker under its watch. */
export async function compute({ lane, runs }: Holder, inputs: Tensors, call: CallOptions): Promise<Tensors> {
  runs.begin();
  try {
    return await lane.session.doRun(inputs, call);
  } finally {
    runs.end();
  }
}

/** Ends a worker when its last batch is done; one that hangs is still noticed. */
export async function end({ lane, runs }: Holder): Promise<void> {
  try {
    await runs.idle();
    await lane.session.close();
  } finally {
    runs.stop();
  }
}

/** The error of a lane that leaves its worker. */
export function lossOf(reason: LossReason, device: string, message: string, cause?: unknown): FairleadError {
  return new FairleadError('LANE_LOST', message, {
    details: { reason, device },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Why a lane left its worker. */
export function reasonOf({ details }: FairleadError): LossReason {
  const { reason } = details;
  return reason === 'device' || reason === 'timeout' || reason === 'run' ? reason : 'worker';
}
