import type { Backend, DeviceFallback } from '../backend';
import { Batcher, type BatcherObserver } from '../batching/batcher';
import { runOversized } from '../batching/oversized';
import type { Clock } from '../clock';
import { FairleadError, messageOf } from '../errors';
import type { EventSource } from '../events';
import type { CallOptions } from '../lifecycle';
import type { Logger } from '../logger';
import type { LoadedModel } from '../model-source';
import type { ModelSignature } from '../signature';
import { compileDoor } from './door';
import { closeSlots, type Lane } from './lane';
import { createLaneKeeper } from './lane-keeper';
import { infoOf, labelOf } from './model-info';
import { type LanesOption, type OpenLanes, type OpenLanesParts, openLanes } from './open-lanes';
import type { ModelInfo, RunnerEventMap, RunOptions, RunResult } from './runner';
import { submitOptionsOf } from './submit-options';
import type { TuningStore } from './tuning-store';

/** Sizes of batches and of the queue. */
export interface BatchingLimits {
  /** Most rows of one batch. */
  readonly maxBatchRows: number;
  /** Most rows that may wait. */
  readonly maxQueueRows: number;
  /** Most bytes of inputs that may wait. */
  readonly maxQueueBytes: number;
  /** Whether rows of several requests may share a batch. */
  readonly joinable: boolean;
}

/** What the deployments of a runner share. */
export interface DeploymentParts {
  readonly backend: Backend;
  readonly lanes: LanesOption;
  readonly batching: BatchingLimits;
  readonly warmUp: boolean;
  readonly tuning: TuningStore | undefined;
  readonly clock: Clock;
  readonly events: EventSource<RunnerEventMap>;
  readonly logger: Logger;
}

/** One version of a model with its lanes and its queue: what a runner swaps. */
export interface Deployment {
  readonly info: ModelInfo;
  readonly loaded: LoadedModel;
  readonly signature: ModelSignature;
  readonly device: string;
  readonly fallbacks: readonly DeviceFallback[];
  readonly lanes: OpenLanes;
  readonly batcher: Batcher;
  /** Milliseconds for loading and warming up. */
  readonly loadMs: number;
  run(inputs: Readonly<Record<string, unknown>>, options: RunOptions | undefined): Promise<RunResult>;
  /** Computes what is queued, then releases the sessions. */
  close(): Promise<void>;
}

/** Loads a model, opens and warms its lanes. */
export async function createDeployment(
  loaded: LoadedModel,
  parts: DeploymentParts,
  options: CallOptions,
): Promise<Deployment> {
  const { clock, events, batching, logger } = parts;
  const startedAt = clock.now();
  const info = infoOf(loaded);
  let dead: FairleadError | undefined;
  let batcher: Batcher | undefined;

  const laneParts: OpenLanesParts = {
    backend: parts.backend,
    model: loaded,
    lanes: parts.lanes,
    maxBatchRows: batching.joinable ? batching.maxBatchRows : 1,
    warmUp: parts.warmUp,
    logger,
    tuning: parts.tuning,
    clock,
    onLost: (lane, error) => keeper.lost(lane, error),
  };

  const keeper = createLaneKeeper({
    clock,
    reopen: (lane) => lanes.reopen(lane),
    onLost: ({ name }, error) => events.emit('lane-lost', { model: info, lane: name, error }),
    onRestart: ({ name }) => {
      events.emit('lane-restart', { model: info, lane: name });
      batcher?.wake();
    },
    onGivenUp: ({ name }, error, last) => {
      if (!last) {
        const message = `${name} of ${labelOf(info)} died and could not be restarted; the other lanes do its work: ${messageOf(error)}`;
        logger.error({ lane: name, error }, message);
        return;
      }
      dead = new FairleadError(
        'LANE_LOST',
        `Every worker of ${labelOf(info)} died and could not be restarted: ${messageOf(error)} Close this runner and make a new one.`,
        { cause: error },
      );
      batcher?.failQueued(dead);
    },
  });

  const lanes = await openLanes(laneParts, options);
  const [first] = lanes.slots as [Lane];
  const { inputs, outputs, batchAxis, device, fallbacks } = first.session;
  if (batchAxis !== null && batchAxis !== 0) {
    await closeSlots(lanes.slots);
    throw new FairleadError(
      'UNSUPPORTED',
      `${labelOf(info)} has its rows along axis ${batchAxis}; only axis 0 can be batched.`,
    );
  }
  const signature: ModelSignature = { inputs, outputs, batchAxis };
  const joinable = batching.joinable && batchAxis !== null;
  const limits = { ...batching, joinable };
  batcher = new Batcher({
    signature,
    model: info,
    lanes: lanes.slots,
    limits,
    clock,
    observer: observerOf(info, events),
  });
  const queue = batcher;
  keeper.start(lanes.slots);
  const door = compileDoor(signature);

  const refuse = (error: unknown, rows: number): Promise<never> => {
    const code = FairleadError.isInstance(error) ? error.code : 'INVALID_ARGUMENT';
    events.emit('request-fail', { model: info, code, rows });
    return Promise.reject(error);
  };

  return {
    info,
    loaded,
    signature,
    device,
    fallbacks,
    lanes,
    batcher,
    loadMs: clock.now() - startedAt,
    run(given, runOptions) {
      try {
        if (dead !== undefined) throw dead;
        const admitted = door(given);
        const submit = submitOptionsOf(runOptions, clock);
        if (!joinable || admitted.rows <= limits.maxBatchRows) return queue.submit(admitted, submit);
        const refusal = queue.refusal(admitted, submit);
        if (refusal !== undefined) return refuse(refusal, admitted.rows);
        return runOversized(queue, signature, admitted, limits.maxBatchRows, submit);
      } catch (error) {
        return refuse(error, 0);
      }
    },
    async close() {
      if (!lanes.slots.some((slot) => slot.alive) && dead === undefined) {
        queue.failQueued(new FairleadError('CLOSED', `${labelOf(info)} was closed while its worker was down.`));
      }
      await queue.drain();
      await keeper.close();
      queue.close();
      await closeSlots(lanes.slots.filter((slot) => slot.alive));
    },
  };
}

function observerOf(model: ModelInfo, events: EventSource<RunnerEventMap>): BatcherObserver {
  return {
    wantsReports: () => events.listenerCount('batch-end') > 0,
    onBatch: (report) => events.emit('batch-end', { model, ...report }),
    onBatchFail: (lane, rows, error) => events.emit('batch-fail', { model, lane, rows, error }),
    onRequestFail: (code, rows) => events.emit('request-fail', { model, code, rows }),
  };
}
