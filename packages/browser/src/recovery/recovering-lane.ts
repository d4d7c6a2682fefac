import {
  abortedError,
  type CallOptions,
  checkInterchangeable,
  closeable,
  type DeviceFallback,
  FairleadError,
  type LaneEventMap,
  type LaneListener,
  type ModelSignature,
  type Session,
  type SessionUsage,
  type Tensors,
} from '@fairlead/core';
import { compute, end, type Holder, lossOf, reasonOf } from './holder';
import { clauseOf, createLadder, isGpu, type Ladder, type LadderParts } from './ladder';
import { createMemoryWatch } from './memory-watch';
import { createRunWatch } from './run-watch';
import { createSample, type Sample } from './sample';

/** What a lane that helps itself is opened with. */
export interface RecoveringLaneOptions extends CallOptions {
  readonly onLost?: (error: unknown) => void;
  readonly onEvent?: LaneListener;
}

/**
 * Opens a session whose worker is replaced when it is lost: by one on the same device once more, then by one on the next.
 * What was in flight is computed again there, what comes meanwhile waits.
 *
 * @throws FairleadError what opening it threw
 */
export async function openRecoveringLane(parts: LadderParts, options: RecoveringLaneOptions): Promise<Session> {
  const lane = new RecoveringLane(parts, options);
  const { inputs, outputs, batchAxis, concurrency, doMeasure } = await lane.open(options.signal);
  return {
    inputs,
    outputs,
    batchAxis,
    ...(concurrency === undefined ? {} : { concurrency }),
    get device() {
      return lane.device;
    },
    get fallbacks() {
      return lane.fallbacks;
    },
    doRun: (tensors, call) => lane.run(tensors, call),
    ...(doMeasure === undefined ? {} : { doMeasure: () => lane.measure() }),
    ...closeable(() => lane.close()),
  };
}

/** Milliseconds that a hung batch is given on a GPU. */
const gpuRunTimeoutMs = 60_000;
/** Milliseconds before a worker that could not be replaced, though it had grown too large, is looked at again. */
const recycleAgainMs = 60_000;

class RecoveringLane {
  readonly #parts: LadderParts;
  readonly #ladder: Ladder;
  readonly #onLost: ((error: unknown) => void) | undefined;
  readonly #onEvent: LaneListener | undefined;
  /** Ends what is being opened when the lane is closed. */
  readonly #stop = new AbortController();
  readonly #sample: Sample = createSample();
  #signature: ModelSignature | undefined;
  /** What computes; undefined while there is nothing. */
  #holder: Holder | undefined;
  /** The next holder, or why there is none. */
  #recovery: Promise<Holder> | undefined;
  #recycling: Promise<void> | undefined;
  #recycledAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  device = '';
  fallbacks: readonly DeviceFallback[] = [];

  constructor(parts: LadderParts, { onLost, onEvent }: RecoveringLaneOptions) {
    this.#parts = parts;
    this.#ladder = createLadder(parts);
    this.#onLost = onLost;
    this.#onEvent = onEvent;
  }

  /** Opens the first worker. */
  async open(signal: AbortSignal | undefined): Promise<Session> {
    const holder = await this.#openHolder(signal);
    this.#adopt(holder);
    return holder.lane.session;
  }

  /** Computes a batch, again where its worker is lost. The inputs are the caller's, so they are there for it. */
  async run(inputs: Tensors, call: CallOptions): Promise<Tensors> {
    for (let replay = 0; ; ) {
      const holder = this.#holder ?? (await this.#recovered(call.signal));
      if (replay > 0) this.#tell('batch-replayed', { device: holder.device, replay });
      try {
        const outputs = await compute(holder, inputs, call);
        this.#sample.observe(inputs);
        this.#watchMemory(holder);
        return outputs;
      } catch (error) {
        if (!(await this.#isLoss(holder, error)) || this.#closed) throw error;
        if (replay++ >= this.#parts.settings.replays) throw error;
      }
    }
  }

  /** What its worker takes. */
  async measure(): Promise<SessionUsage> {
    const usage = await this.#holder?.lane.session.doMeasure?.();
    if (usage === undefined) throw new FairleadError('LANE_LOST', 'The worker of the lane is being replaced.');
    return usage;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop.abort();
    await this.#recovery?.catch(() => undefined);
    await this.#recycling;
    const holder = this.#holder;
    if (holder !== undefined) await end(holder);
  }

  async #openHolder(signal: AbortSignal | undefined): Promise<Holder> {
    const { settings, clock } = this.#parts;
    let holder: Holder | undefined;
    const rung = await this.#ladder.open((error) => {
      if (holder !== undefined) this.#onHolderLost(holder, error as FairleadError);
    }, signal);
    const { lane, fallbacks } = rung;
    const { device } = lane.session;
    try {
      if (this.#signature !== undefined) checkInterchangeable(this.#signature, lane.session);
    } catch (error) {
      await lane.session.close();
      throw error;
    }
    const timeoutMs = settings.runTimeoutMs ?? (isGpu(device) ? gpuRunTimeoutMs : undefined);
    const onHang = (): void =>
      lane.kill(lossOf('timeout', device, `a run on ${device} did not end within ${timeoutMs} ms`));
    holder = {
      lane,
      device,
      fallbacks,
      runs: createRunWatch({ clock, timeoutMs, onHang }),
      memory: createMemoryWatch(clock, settings.laneMemoryBytes),
    };
    return holder;
  }

  #adopt(holder: Holder): void {
    this.#holder = holder;
    this.#signature ??= holder.lane.session;
    this.device = holder.device;
    this.fallbacks = holder.fallbacks;
  }

  /** The holder that takes the place of a lost one. */
  #recovered(signal: AbortSignal | undefined): Promise<Holder> {
    if (this.#closed || this.#recovery === undefined) return Promise.reject(closedError());
    const recovery = this.#recovery;
    if (signal === undefined) return recovery;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(abortedError(signal, 'The batch'));
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      recovery.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /**
   * Whether an error is the worker's or the device's fault. A GPU that fails on a batch may be lost without having said
   * so, or the rows may be at fault: rows that were computed before tell.
   */
  async #isLoss(holder: Holder, error: unknown): Promise<boolean> {
    if (FairleadError.isInstance(error, 'LANE_LOST')) return true;
    if (!FairleadError.isInstance(error, 'RUN_FAILED') || !isGpu(holder.device)) return false;
    if (await this.#stillComputes(holder)) return false;
    holder.lane.kill(lossOf('run', holder.device, `runs on ${holder.device} fail: ${clauseOf(error)}`, error));
    return true;
  }

  async #stillComputes(holder: Holder): Promise<boolean> {
    const { inputs, hasSeen } = this.#sample;
    // A GPU that has never computed anything may not be able to.
    if (inputs === undefined) return hasSeen;
    try {
      await compute(holder, inputs, {});
      return true;
    } catch {
      return false;
    }
  }

  #onHolderLost(holder: Holder, error: FairleadError): void {
    holder.runs.stop();
    // One that was replaced already, or whose end is wanted.
    if (holder !== this.#holder || this.#closed) return;
    const { device } = holder;
    this.#holder = undefined;
    this.#ladder.strike(device, error);
    const recovery = this.#recover(device, this.#parts.clock.now());
    this.#recovery = recovery;
    // Nobody may be waiting for it.
    recovery.catch(() => undefined);
    this.#tell('device-lost', { device, reason: reasonOf(error), error, batches: holder.runs.running });
  }

  async #recover(from: string, lostAt: number): Promise<Holder> {
    let holder: Holder;
    try {
      holder = await this.#openHolder(this.#stop.signal);
    } catch (error) {
      if (this.#closed) throw closedError();
      const lost = new FairleadError(
        'LANE_LOST',
        `${from} was lost, and nothing could take its place: ${clauseOf(error)}.`,
        {
          cause: error,
          details: { device: from },
        },
      );
      this.#onLost?.(lost);
      throw lost;
    }
    if (this.#closed) {
      await end(holder);
      throw closedError();
    }
    this.#adopt(holder);
    const { device, fallbacks } = holder;
    if (device !== from) for (const fallback of fallbacks) this.#tell('device-fallback', fallback);
    this.#tell('device-recovered', { device, from, downMs: this.#parts.clock.now() - lostAt });
    return holder;
  }

  #watchMemory(holder: Holder): void {
    if (this.#recycling !== undefined || this.#closed || holder !== this.#holder) return;
    if (this.#parts.clock.now() - this.#recycledAt < recycleAgainMs) return;
    const check = holder.memory.check(holder.lane.session);
    void check?.then((memoryBytes) => {
      if (memoryBytes === undefined || this.#recycling !== undefined || this.#closed) return;
      this.#recycling = this.#recycle(holder, memoryBytes).finally(() => {
        this.#recycling = undefined;
      });
    });
  }

  /** Opens another worker, warms it, and sends it what comes from then on; the one before ends with its last batch. */
  async #recycle(before: Holder, memoryBytes: number): Promise<void> {
    const { clock, settings } = this.#parts;
    let next: Holder | undefined;
    try {
      next = await this.#openHolder(this.#stop.signal);
      const { inputs } = this.#sample;
      if (inputs !== undefined) await compute(next, inputs, {});
    } catch {
      // No other worker can be had: the one there is goes on, and is replaced when it dies of its size.
      this.#recycledAt = clock.now();
      if (next !== undefined) await end(next).catch(() => undefined);
      return;
    }
    // It may have been lost and replaced meanwhile; and nobody is moved from a GPU to the CPU to save memory.
    const isWanted = this.#holder === before && !this.#closed && next.device === before.device;
    if (isWanted) {
      this.#adopt(next);
      this.#tell('worker-recycled', { device: next.device, memoryBytes, limitBytes: settings.laneMemoryBytes });
    } else this.#recycledAt = clock.now();
    await end(isWanted ? before : next).catch(() => undefined);
  }

  #tell<K extends keyof LaneEventMap>(name: K, event: LaneEventMap[K]): void {
    this.#onEvent?.(name, event);
  }
}

function closedError(): FairleadError {
  return new FairleadError('CLOSED', 'The lane was closed. Open another one.');
}
