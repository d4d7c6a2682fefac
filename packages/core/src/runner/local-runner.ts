import type { Backend, DeviceFallback } from '../backend';
import type { BatcherStats } from '../batching/batcher';
import type { Clock } from '../clock';
import { abortedError, FairleadError, messageOf, throwIfAborted } from '../errors';
import { createEvents, type EventListeners } from '../events';
import { type CallOptions, closeable } from '../lifecycle';
import type { Logger } from '../logger';
import type { LoadedModel, ModelSource } from '../model-source';
import type { AnySignature } from '../signature';
import { type BatchingLimits, createDeployment, type Deployment, type DeploymentParts } from './deployment';
import { type LaneState, stateOfLane } from './lane';
import type { LaneTuning } from './lane-tuning';
import { checkInterchangeable, infoOf, labelOf } from './model-info';
import type { LanesOption } from './open-lanes';
import type { ModelInfo, ModelRunner, RunnerEventMap } from './runner';
import type { TuningStore } from './tuning-store';
import type { WarmUpTime } from './warm-up';

/** What runs, where and why. */
export interface RunnerDescription {
  readonly model: ModelInfo;
  readonly backend: string;
  /** The device that computes. */
  readonly device: string;
  /** Devices that were asked for first and could not be had, and why. */
  readonly fallbacks: readonly DeviceFallback[];
  readonly lanes: {
    /** Why the lanes are what they are. */
    readonly reason: string;
    /** What `lanes: 'auto'` measured to choose them; undefined where it did not have to, or could not. */
    readonly tuning: LaneTuning | undefined;
    readonly slots: readonly LaneState[];
  };
  /** Time of a batch by its rows, as measured while warming up. */
  readonly warmUp: readonly WarmUpTime[];
  readonly batching: BatchingLimits & BatcherStats;
}

/** A runner whose model lives in this process. */
export interface LocalRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  /** What runs, where and why, and how the queue stands. */
  describe(): RunnerDescription;
  /**
   * Loads and warms another model, switches to it and drains the one before; no request is lost. The promise resolves
   * when the new one takes requests.
   * @throws FairleadError `SIGNATURE_MISMATCH` when the model is not interchangeable, or what loading it threw; the
   * runner then stays with the model it has
   */
  swap(model: LoadedModel, options?: CallOptions): Promise<void>;
}

/** What a local runner is made of. */
export interface LocalRunnerParts {
  readonly source: ModelSource;
  readonly backend: Backend;
  readonly lanes: LanesOption;
  readonly batching: BatchingLimits;
  readonly warmUp: boolean;
  readonly tuning?: TuningStore | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly on?: EventListeners<RunnerEventMap> | undefined;
}

/** Loads the model of a source and follows the source from then on. */
export async function createLocalRunner(parts: LocalRunnerParts, options: CallOptions): Promise<LocalRunner> {
  const { source, backend, logger, clock, lanes, batching, warmUp, tuning } = parts;
  const events = createEvents<RunnerEventMap>(logger, parts.on);
  const deploymentParts: DeploymentParts = { backend, lanes, batching, warmUp, tuning, clock, events, logger };

  const deploy = async (loaded: LoadedModel, callOptions: CallOptions): Promise<Deployment> => {
    throwIfAborted(callOptions.signal, 'Loading the model');
    const deployment = await createDeployment(loaded, deploymentParts, callOptions);
    if (callOptions.signal?.aborted) {
      await deployment.close();
      throw abortedError(callOptions.signal, 'Loading the model');
    }
    announce(deployment);
    return deployment;
  };

  const announce = ({ info, loaded, device, loadMs, fallbacks }: Deployment): void => {
    for (const fallback of fallbacks) {
      if (events.listenerCount('device-fallback') > 0) events.emit('device-fallback', { ...fallback, model: info });
      else
        logger.warn(
          fallback,
          `${labelOf(info)} runs on ${fallback.to} instead of ${fallback.from}: ${fallback.reason}`,
        );
    }
    events.emit('model-ready', { model: info, device, loadMs, loaded });
  };

  throwIfAborted(options.signal, 'Loading the model');
  let current = await deploy(await source.resolve(options), options);
  const { signature } = current;
  let closed = false;
  let swaps: Promise<void> = Promise.resolve();
  let announced: LoadedModel | undefined;
  const retiring = new Set<Promise<void>>();

  const retire = (deployment: Deployment): void => {
    const done = deployment.close().catch((error: unknown) => {
      logger.error({ error }, `${labelOf(deployment.info)} did not close cleanly: ${messageOf(error)}`);
    });
    retiring.add(done);
    void done.then(() => retiring.delete(done));
  };

  const swapNow = async (loaded: LoadedModel, callOptions: CallOptions): Promise<void> => {
    if (closed) throw closedError();
    const from = current;
    if (loaded.digest === from.info.digest && loaded.version === from.info.version) return;
    const next = await createDeployment(loaded, deploymentParts, callOptions);
    try {
      if (closed) throw closedError();
      checkInterchangeable(signature, next.signature);
    } catch (error) {
      await next.close();
      throw error;
    }
    current = next;
    announce(next);
    events.emit('model-swap', { from: from.info, to: next.info, loaded });
    retire(from);
  };

  /** One swap at a time, in the order in which they were asked for. */
  const enqueueSwap = (task: () => Promise<void>): Promise<void> => {
    const result = swaps.then(task);
    swaps = result.catch(() => undefined);
    return result;
  };

  const reportSwapFailure = (error: unknown, to: LoadedModel | undefined): void => {
    if (closed) return;
    const from = current.info;
    const stays = `The runner stays with ${labelOf(from)}: ${messageOf(error)}`;
    // Logged even where somebody listens: a listener may do no more than count.
    logger.error({ error }, stays);
    events.emit('model-swap-fail', to === undefined ? { from, error } : { from, to: infoOf(to), error });
  };

  const watch = source.watch?.(
    (next) => {
      // When several come while one is loading, only the last of them matters.
      announced = next;
      enqueueSwap(async () => {
        if (announced === next && !closed) await swapNow(next, {});
      }).catch((error: unknown) => reportSwapFailure(error, next));
    },
    (error) => reportSwapFailure(error, undefined),
  );

  return {
    ...closeable(async () => {
      closed = true;
      await watch?.close();
      await swaps;
      retire(current);
      await Promise.all(retiring);
      events.clear();
    }),
    signature,
    get model() {
      return current.info;
    },
    get loaded() {
      return current.loaded;
    },
    events,
    run(inputs, runOptions) {
      return closed ? Promise.reject(closedError()) : current.run(inputs, runOptions);
    },
    swap: (loaded, callOptions = {}) => enqueueSwap(() => swapNow(loaded, callOptions)),
    describe: () => ({
      model: current.info,
      backend: backend.name,
      device: current.device,
      fallbacks: current.fallbacks,
      lanes: {
        reason: current.lanes.reason,
        tuning: current.lanes.tuning,
        slots: current.lanes.slots.map(stateOfLane),
      },
      warmUp: current.lanes.warmUpTimes,
      batching: { ...batching, ...current.batcher.stats() },
    }),
  };
}

function closedError(): FairleadError {
  return new FairleadError('CLOSED', 'The runner was closed. Make a new one with createRunner.');
}
