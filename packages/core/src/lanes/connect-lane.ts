import type { Session, WorkerModule } from '../backend';
import { throwIfAborted } from '../errors';
import { type CallOptions, closeable } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import { HostLane } from './host-lane';
import type { WorkerPort } from './port';

/** Options of {@link connectLane}. */
export interface ConnectLaneOptions extends CallOptions {
  /**
   * Called once when the worker is gone without having been closed, after everything in flight was rejected with
   * `LANE_LOST`. Not called for a worker that never came to hold a session: the promise rejects instead.
   */
  readonly onLost?: (error: unknown) => void;
  /** Most bytes of idle input buffers that the lane keeps for its next batches. @default 67108864 (64 MiB) */
  readonly maxPooledBytes?: number;
}

/**
 * Opens a session in a worker that runs {@link serveLane}, and answers a session that stands for it on this side.
 *
 * Inputs are copied once, into a pooled buffer that moves to the worker and comes back with the answer, so the caller's
 * arrays stay intact. The session takes one batch more than the one in the worker can compute at once: the next batch
 * lies ready when the worker gets free. An aborted call rejects at once; a batch that has already begun is computed to
 * its end in the worker and its answer dropped.
 *
 * @param port the worker; the session owns it from here, and ends it on `close()` or when opening fails
 * @param module what the worker imports; it must export `createBackend(options): Backend`
 * @param model its bytes are copied for the worker, large ones a slice at a time, so that the event loop is not held up
 * @throws FairleadError whatever opening the session throws in the worker; `LANE_LOST` when the worker ends before its
 * session is ready; `PROTOCOL_ERROR` when it speaks something else; `ABORTED`
 */
export async function connectLane(
  port: WorkerPort,
  module: WorkerModule,
  model: LoadedModel,
  options: ConnectLaneOptions = {},
): Promise<Session> {
  const { signal, onLost, maxPooledBytes = 64 * 2 ** 20 } = options;
  const lane = new HostLane(port, model, onLost, maxPooledBytes);
  try {
    throwIfAborted(signal, 'Opening the lane');
    const { measurable, ...facts } = await lane.open(module, signal);
    return {
      ...facts,
      ...(measurable ? { doMeasure: () => lane.measure() } : {}),
      concurrency: facts.concurrency + 1,
      doRun: (inputs, call) => lane.run(inputs, call.signal),
      ...closeable(() => lane.close()),
    };
  } catch (error) {
    await lane.end();
    throw error;
  }
}
