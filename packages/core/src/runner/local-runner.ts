import type { DeviceFallback } from '../backend';
import type { BatcherStats } from '../batching/batcher';
import { throwIfAborted } from '../errors';
import { createEvents, type EventListeners } from '../events';
import { type CallOptions, closeable } from '../lifecycle';
import type { LoadedModel, ModelSource } from '../model-source';
import type { AnySignature } from '../signature';
import type { BatchingLimits, DeploymentParts } from './deployment';
import { type Assessment, assess, createHealthRecord } from './health';
import { type LaneState, stateOfLane } from './lane';
import type { LaneTuning } from './lane-tuning';
import { labelOf } from './model-info';
import type { ModelInfo, ModelRunner, RunnerEventMap, RunnerHealth } from './runner';
import type { ShapesDescription } from './shape-plan';
import { createSwapper, type SwapMode, type Swapper, type SwapState } from './swap';
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
  /** Whether the model answered the golden rows that it brings, brings none, or was not asked (`checkGolden: false`). */
  readonly golden: 'passed' | 'none' | 'unchecked';
  /** Time of a batch by its rows, as measured while warming up. */
  readonly warmUp: readonly WarmUpTime[];
  readonly batching: BatchingLimits & BatcherStats;
  /** The buckets of symbolic dimensions and what padding costs; absent where there are none. */
  readonly shapes?: ShapesDescription;
}

/** A runner whose model lives in this process. */
export interface LocalRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  /** What runs, where and why, and how the queue stands. */
  describe(): RunnerDescription;
  /** Whether requests are computed now, and if not, why. */
  health(): RunnerHealth;
  /**
   * Loads and warms another model, checks it against its golden rows, switches to it and drains the one before; no
   * request is lost. `swapMode` of `createRunner` says which comes first, loading the new or releasing the old. The
   * promise resolves when the new one takes requests.
   * @throws FairleadError `SIGNATURE_MISMATCH` when the model is not interchangeable, `GOLDEN_MISMATCH` when it does not
   * answer its golden rows, or what loading it threw; the runner then stays with the model it has, or goes back to it
   */
  swap(model: LoadedModel, options?: CallOptions): Promise<void>;
}

/** What a local runner is made of. */
export interface LocalRunnerParts extends Omit<DeploymentParts, 'events' | 'onTrouble' | 'onRecovery'> {
  readonly source: ModelSource;
  readonly checkGolden: boolean;
  readonly swapMode: SwapMode;
  readonly on?: EventListeners<RunnerEventMap> | undefined;
}

/** Loads the model of a source and follows the source from then on. */
export async function createLocalRunner(parts: LocalRunnerParts, options: CallOptions): Promise<LocalRunner> {
  const { source, backend, batching, clock, logger } = parts;
  const events = createEvents<RunnerEventMap>(logger, parts.on);
  const record = createHealthRecord(clock);
  let swapper: Swapper | undefined;
  const noteStatus = (): void => {
    if (swapper !== undefined) record.changed(assessmentOf(swapper.state).status);
  };

  throwIfAborted(options.signal, 'Loading the model');
  // Who swaps beside the model in use does not pay for the other way.
  const inPlace = parts.swapMode === 'resource-preserving' ? await import('./swap-in-place') : undefined;
  const model = await source.resolve(options);
  const running = await createSwapper(
    {
      ...parts,
      events,
      createSwapInPlace: inPlace?.createSwapInPlace,
      onChange: noteStatus,
      onRecovery: noteStatus,
      onTrouble(error) {
        record.failed(error);
        noteStatus();
      },
    },
    model,
    options,
  );
  swapper = running;
  noteStatus();
  const { signature } = running.state.current;
  const watch = source.watch?.(running.follow, running.sourceFailed);

  const stats = (): BatcherStats => ({ ...running.state.current.batcher.stats(), ...running.state.gate?.waiting() });

  return {
    ...closeable(async () => {
      const ended = running.close();
      noteStatus();
      try {
        await watch?.close();
      } finally {
        await ended;
        events.clear();
      }
    }),
    signature,
    get model() {
      return running.state.current.info;
    },
    get loaded() {
      return running.state.current.loaded;
    },
    events,
    run: running.run,
    foresee: running.foresee,
    swap: (loaded, callOptions = {}) => running.swap(loaded, callOptions),
    health() {
      const { queuedRequests: requests, queuedRows: rows, queuedBytes: bytes, batchesInFlight } = stats();
      const queue = { requests, rows, bytes, batchesInFlight };
      return record.answer(assessmentOf(running.state), running.state.current.info, lanesOf(running.state), queue);
    },
    describe() {
      const { info, device, fallbacks, lanes, shapes, checkGolden } = running.state.current;
      return {
        model: info,
        backend: backend.name,
        device: device(),
        fallbacks: fallbacks(),
        lanes: {
          reason: lanes.reason,
          tuning: lanes.tuning,
          slots: lanes.slots.map(stateOfLane),
        },
        golden: checkGolden !== undefined ? 'passed' : parts.checkGolden ? 'none' : 'unchecked',
        warmUp: lanes.warmUpTimes,
        batching: { ...batching, ...stats() },
        ...(shapes === undefined ? {} : { shapes: shapes.describe() }),
      };
    },
  };
}

function lanesOf({ current }: Readonly<SwapState>): RunnerHealth['lanes'] {
  const { slots } = current.lanes;
  return { alive: slots.filter(({ alive }) => alive).length, total: slots.length };
}

function assessmentOf(state: Readonly<SwapState>): Assessment {
  const { current, closed, progress, gate } = state;
  return assess({
    closed,
    failure: state.failure ?? current.failure(),
    swap:
      progress === undefined
        ? undefined
        : {
            holdsRequests: gate !== undefined,
            reason:
              gate === undefined
                ? `${labelOf(progress.to)} is being loaded beside ${labelOf(progress.from)}.`
                : `${labelOf(progress.from)} makes room for ${labelOf(progress.to)}; ${gate.waiting().queuedRequests} requests wait.`,
          },
    lanes: lanesOf(state),
    laneTroubles: current.laneTroubles(),
  });
}
