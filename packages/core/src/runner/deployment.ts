import type { Backend, DeviceFallback, LaneEventMap } from '../backend';
import { Batcher } from '../batching/batcher';
import { runOversized } from '../batching/oversized';
import type { BatcherObserver } from '../batching/reports';
import type { BatchObjective } from '../batching/shape-costs';
import type { Clock } from '../clock';
import { FairleadError, messageOf } from '../errors';
import type { EventSource } from '../events';
import type { GoldenCheck } from '../golden/check-golden';
import type { CallOptions } from '../lifecycle';
import type { Logger } from '../logger';
import type { LoadedModel } from '../model-source';
import type { ModelSignature } from '../signature';
import { compileDoor, smallestRequest } from './door';
import { closeSlots, type Lane, openAmong } from './lane';
import { createLaneKeeper } from './lane-keeper';
import { infoOf, labelOf } from './model-info';
import { type LanesOption, type OpenLanes, type OpenLanesParts, openLanes } from './open-lanes';
import { compileQuickDoor } from './quick-door';
import type { ModelInfo, ModelRunner, RunnerEventMap, RunOptions, RunResult } from './runner';
import type { ShapePlan } from './shape-plan';
import { submitOptionsOf } from './submit-options';
import { tellFallback } from './tell-fallback';
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
  /** What batches are made for. */
  readonly objective: BatchObjective;
  /** The share of a key beside others. */
  readonly weightOf?: ((key: string) => number) | undefined;
}

/** What the deployments of a runner share. */
export interface DeploymentParts {
  readonly backend: Backend;
  readonly lanes: LanesOption;
  readonly batching: BatchingLimits;
  /** Makes the buckets of a model; undefined where the runner has none. */
  readonly planShapes: ((signature: ModelSignature) => ShapePlan) | undefined;
  readonly warmUp: boolean;
  readonly tuning: TuningStore | undefined;
  readonly clock: Clock;
  readonly events: EventSource<RunnerEventMap>;
  readonly logger: Logger;
  /** A batch failed, or a lane was lost or given up. */
  readonly onTrouble: (error: unknown) => void;
  /** A lane came back. */
  readonly onRecovery: () => void;
}

/** Takes a request. */
export type RunRequest = (
  inputs: Readonly<Record<string, unknown>>,
  options: RunOptions | undefined,
) => Promise<RunResult>;

/** Asks ahead for a request. */
export type Foresee = NonNullable<ModelRunner['foresee']>;

/** One version of a model with its lanes and its queue: what a runner swaps. */
export interface Deployment {
  readonly info: ModelInfo;
  readonly loaded: LoadedModel;
  readonly signature: ModelSignature;
  /** The device that computes, and those that could not be had; a lane that brings itself back may change both. */
  device(): string;
  fallbacks(): readonly DeviceFallback[];
  readonly lanes: OpenLanes;
  readonly batcher: Batcher;
  /** Its buckets, where the runner has some. */
  readonly shapes: ShapePlan | undefined;
  /** Milliseconds for loading and warming up. */
  readonly loadMs: number;
  /** Its golden rows, for the case that it is to be loaded again. */
  readonly checkGolden: GoldenCheck | undefined;
  readonly run: RunRequest;
  /** See {@link ModelRunner.foresee}. */
  readonly foresee: Foresee;
  /** Why it can answer nobody any more; undefined while it can. */
  failure(): FairleadError | undefined;
  /** The state of its lanes that are down, for a person. */
  laneTroubles(): readonly string[];
  /** Computes what is queued, however long a lost worker takes to come back, then releases the sessions. */
  retire(): Promise<void>;
  /** As `retire`, but what waits for lanes that are all down fails. */
  close(): Promise<void>;
}

/**
 * Reads the golden rows that travel with a model.
 * @returns the check of a deployment of that model; undefined when it brings no such rows
 */
export async function readGolden(loaded: LoadedModel, options: CallOptions): Promise<GoldenCheck | undefined> {
  const bytes = await loaded.sidecar('golden', options);
  if (bytes === undefined) return undefined;
  // Only models that bring some pay for what reads and compares them.
  const { createGoldenCheck } = await import('../golden/check-golden');
  return createGoldenCheck(bytes, infoOf(loaded));
}

/**
 * Loads a model, opens and warms its lanes, and computes its golden rows on each of them.
 * @param checkGolden undefined where there are none, or none are wanted
 */
export async function createDeployment(
  loaded: LoadedModel,
  checkGolden: GoldenCheck | undefined,
  parts: DeploymentParts,
  options: CallOptions,
): Promise<Deployment> {
  const { clock, events, batching, logger } = parts;
  const startedAt = clock.now();
  const info = infoOf(loaded);
  let dead: FairleadError | undefined;
  const givenUp = new Set<Lane>();
  let batcher: Batcher | undefined;

  const laneParts: OpenLanesParts = {
    backend: parts.backend,
    model: loaded,
    lanes: parts.lanes,
    maxBatchRows: batching.joinable ? batching.maxBatchRows : 1,
    warmUp: parts.warmUp,
    warmUpSizes: (session) => parts.planShapes?.(session).warmUpSizes,
    logger,
    tuning: parts.tuning,
    clock,
    onLost(lane, error) {
      lane.recovering = false;
      keeper.lost(lane, error);
    },
    onEvent(lane, name, event) {
      if (name === 'device-lost') onDown(lane, (event as LaneEventMap['device-lost']).error);
      if (name === 'device-fallback') tellFallback(parts, info, event as DeviceFallback, lane.name);
      else events.emit(name, { model: info, lane: lane.name, ...event } as RunnerEventMap[typeof name]);
      if (name === 'device-recovered') onUp(lane);
    },
  };

  /** A lane that brings itself back is told of as one that is replaced. */
  const onDown = (lane: Lane, error: unknown): void => {
    lane.alive = false;
    lane.recovering = true;
    onLost(lane, error);
  };
  const onUp = (lane: Lane): void => {
    lane.alive = true;
    lane.recovering = false;
    lane.restarts++;
    onRestart(lane);
  };
  const onLost = ({ name }: Lane, error: unknown): void => {
    parts.onTrouble(error);
    events.emit('lane-lost', { model: info, lane: name, error });
  };
  const onRestart = ({ name }: Lane): void => {
    parts.onRecovery();
    events.emit('lane-restart', { model: info, lane: name });
    batcher?.wake();
  };

  const keeper = createLaneKeeper({
    clock,
    reopen: (lane) => lanes.reopen(lane),
    onLost,
    onRestart,
    onGivenUp: (slot, error, last) => {
      const { name } = slot;
      givenUp.add(slot);
      if (!last) {
        parts.onTrouble(error);
        const message = `${name} of ${labelOf(info)} died and could not be restarted; the other lanes do its work: ${messageOf(error)}`;
        logger.error({ lane: name, error }, message);
        return;
      }
      dead = new FairleadError(
        'LANE_LOST',
        `Every worker of ${labelOf(info)} died and could not be restarted: ${messageOf(error)} Close this runner and make a new one.`,
        { cause: error },
      );
      parts.onTrouble(dead);
      batcher?.failQueued(dead);
    },
  });

  const lanes = await openLanes(laneParts, options);
  const [first] = lanes.slots as [Lane];
  const { inputs, outputs, batchAxis } = first.session;
  if (batchAxis !== null && batchAxis !== 0) {
    await closeSlots(lanes.slots);
    throw new FairleadError(
      'UNSUPPORTED',
      `${labelOf(info)} has its rows along axis ${batchAxis}; only axis 0 can be batched.`,
    );
  }
  const signature: ModelSignature = { inputs, outputs, batchAxis };
  let shapes: ShapePlan | undefined;
  try {
    shapes = parts.planShapes?.(signature);
  } catch (error) {
    await closeSlots(lanes.slots);
    throw error;
  }
  shapes?.learn(lanes.warmUpTimes);
  const joinable = batching.joinable && batchAxis !== null;
  const limits = { ...batching, joinable };
  try {
    const maxRows = joinable ? limits.maxBatchRows : Number.POSITIVE_INFINITY;
    await checkGolden?.({ signature, lanes: lanes.slots, maxRows }, options);
  } catch (error) {
    await closeSlots(openAmong(lanes.slots));
    throw error;
  }
  batcher = new Batcher({
    signature,
    model: info,
    lanes: lanes.slots,
    limits,
    clock,
    observer: observerOf(info, parts),
  });
  const queue = batcher;
  keeper.start(lanes.slots);
  const door = shapes?.door ?? compileDoor(signature);
  const quickDoor = shapes === undefined ? compileQuickDoor(signature) : undefined;
  const smallest = shapes === undefined ? smallestRequest(signature) : undefined;

  let releasing: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    await queue.drain();
    await keeper.close();
    queue.close();
    const open = openAmong(lanes.slots);
    for (const slot of open) slot.alive = false;
    await closeSlots(open);
  };
  const retire = (): Promise<void> => {
    releasing ??= release();
    return releasing;
  };

  const refuse = (error: unknown, rows: number): Promise<never> => {
    const code = FairleadError.isInstance(error) ? error.code : 'INVALID_ARGUMENT';
    events.emit('request-fail', { model: info, code, rows });
    return Promise.reject(error);
  };

  return {
    info,
    loaded,
    signature,
    // No accessors: an object that has some is looked up by name at every call of its functions.
    device: () => first.session.device,
    fallbacks: () => first.session.fallbacks,
    lanes,
    batcher,
    shapes,
    loadMs: clock.now() - startedAt,
    checkGolden,
    failure: () => dead,
    laneTroubles: () =>
      lanes.slots
        .filter((slot) => !slot.alive)
        .map((slot) => `${slot.name} is down and ${givenUp.has(slot) ? 'could not be restarted' : 'being restarted'}`),
    run(given, runOptions) {
      try {
        if (dead !== undefined) throw dead;
        const admitted = quickDoor?.(given) ?? door(given);
        const submit = submitOptionsOf(runOptions, clock);
        if (!joinable || admitted.rows <= queue.maxBatchRows) return queue.submit(admitted, submit);
        const refusal = queue.refusal(admitted, submit);
        if (refusal !== undefined) return refuse(refusal, admitted.rows);
        return runOversized(queue, signature, admitted, queue.maxBatchRows, submit);
      } catch (error) {
        return refuse(error, 0);
      }
    },
    foresee(runOptions) {
      if (dead !== undefined || smallest === undefined) return undefined;
      return queue.foresee(smallest, submitOptionsOf(runOptions, clock));
    },
    retire,
    close() {
      const isDown = !lanes.slots.some((slot) => slot.alive);
      if (isDown && dead === undefined) {
        queue.failQueued(new FairleadError('CLOSED', `${labelOf(info)} was closed while its worker was down.`));
      }
      return retire();
    },
  };
}

function observerOf(model: ModelInfo, { events, onTrouble }: DeploymentParts): BatcherObserver {
  return {
    wantsReports: () => events.listenerCount('batch-end') > 0,
    onBatch: (report) => events.emit('batch-end', report),
    onBatchFail: (lane, rows, error) => {
      onTrouble(error);
      events.emit('batch-fail', { model, lane, rows, error });
    },
    onRequestFail: (code, rows) => events.emit('request-fail', { model, code, rows }),
  };
}
