import { LRUCache } from 'lru-cache';
import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { deadlineError, deadlineOf, noDeadline } from '../deadline';
import { abortedError, type ErrorCode, FairleadError, throwIfAborted } from '../errors';
import { closeable } from '../lifecycle';
import { byName, compileDoor } from '../runner/door';
import { healthAround } from '../runner/health';
import type { ModelInfo, ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { contentHash, copyTensor, sameTensors, tensorBytes } from './content-key';

/** Options of {@link withCache}. */
export interface CacheOptions {
  /** Bytes of inputs and outputs to keep; the least recently used go first. 1 or more. @default 67108864 (64 MiB) */
  readonly maxBytes?: number;
  /** Milliseconds that an answer stays good. More than 0. @default forever, until it is pushed out */
  readonly ttlMs?: number;
  /** Where time comes from; the runner's own. @default the clock of the process */
  readonly clock?: Clock;
}

/** What a cache did. */
export interface CacheStats {
  /** Requests answered from memory. */
  readonly hits: number;
  /** Requests that were computed. */
  readonly misses: number;
  /** Requests that waited for an equal one that was already being computed. */
  readonly joined: number;
  readonly entries: number;
  /** Bytes of inputs and outputs held. */
  readonly bytes: number;
}

/** A runner with a cache around it. */
export interface CachedRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  cacheStats(): CacheStats;
  /** Forgets every answer. */
  clearCache(): void;
}

/** What is remembered: copies that nobody else holds. */
interface Entry extends Pick<RunResult, 'model' | 'batchSize' | 'outputs'> {
  readonly inputs: readonly Tensor[];
}

/** A request that is being computed. */
interface Flight {
  readonly inputs: readonly Tensor[];
  readonly entry: Promise<Entry>;
}

const optionsSchema = z.strictObject({
  maxBytes: z._default(z.int().check(z.minimum(1)), 64 * 2 ** 20),
  ttlMs: z.optional(z.number().check(z.gt(0))),
  clock: z._default(
    z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock'),
    systemClock,
  ),
});

/** What a flight may fail with because of its first caller alone; the others then try for themselves. */
const ownTroubles: ReadonlySet<ErrorCode> = new Set(['ABORTED', 'DEADLINE_EXCEEDED', 'OVERLOADED']);
/** What an entry costs beside its tensors. */
const entryOverheadBytes = 256;

/**
 * Answers a request that equals an earlier one from memory: the same model digest and the same input, byte for byte,
 * whatever the inputs hash to. Equal requests that come while one is being computed wait for it, each with its own
 * deadline and signal; when the one that is computed ends early for reasons of its own caller, one of those that wait
 * takes its place. A failure is not remembered. Each caller gets arrays of his own.
 *
 * After a swap the new model's digest finds nothing of the old one; where a model has no digest, name and version stand
 * for it. What is answered from memory makes no batch, so neither monitors nor the runner's own metrics hear of it. Closing
 * closes the runner inside.
 *
 * Use it for models that answer the same to the same input.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function withCache<S extends AnySignature>(runner: ModelRunner<S>, options: CacheOptions = {}): CachedRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return cacheAround(runner as unknown as ModelRunner, options) as unknown as CachedRunner<S>;
}

function cacheAround(runner: ModelRunner, options: CacheOptions): CachedRunner {
  const { maxBytes, ttlMs, clock } = parseOptions(optionsSchema, options, 'withCache');
  const door = compileDoor(runner.signature);
  const flights = new Map<string, Flight>();
  const entries = new LRUCache<string, Entry>({
    maxSize: maxBytes,
    sizeCalculation: (entry) =>
      entryOverheadBytes + tensorBytes(entry.inputs) + tensorBytes(Object.values(entry.outputs)),
    perf: { now: () => clock.now() },
    ttlResolution: 0,
    ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
  });
  let hits = 0;
  let misses = 0;
  let joined = 0;
  let closed = false;
  /** Counts how often everything was forgotten: what began before is not remembered afterwards. */
  let era = 0;

  const compute = async (
    hash: string,
    inputs: readonly Tensor[],
    call: RunOptions,
  ): Promise<{ readonly result: RunResult; readonly entry: Entry }> => {
    const startedIn = era;
    misses++;
    const result = await runner.run(byName(runner.signature.inputs, inputs), call);
    const { model, batchSize } = result;
    // Copied before the caller has his answer, so that nothing he does to it reaches anybody else.
    const entry: Entry = { inputs, model, batchSize, outputs: copyAll(result.outputs) };
    // A swap may have come in between; the answer belongs to the model that gave it.
    if (!closed && startedIn === era) entries.set(keyOf(model, hash), entry);
    return { result, entry };
  };

  /** Computes a request for its caller, and for those who join meanwhile. */
  const lead = async (key: string, hash: string, inputs: readonly Tensor[], call: RunOptions): Promise<RunResult> => {
    const computing = compute(hash, inputs, call);
    const flight: Flight = { inputs, entry: computing.then(({ entry }) => entry) };
    flights.set(key, flight);
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    flight.entry.then(land, land);
    return (await computing).result;
  };

  const fromMemory = ({ model, batchSize, outputs }: Entry, queueMs: number): RunResult => {
    return { outputs: copyAll(outputs), model, timing: { queueMs, computeMs: 0 }, batchSize };
  };

  const run = async (given: InputsOf, runOptions: RunOptions): Promise<RunResult> => {
    const calledAt = clock.now();
    const admitted = door(given);
    const { signal } = runOptions;
    throwIfAborted(signal, 'The request');
    const deadline = deadlineOf(runOptions, clock);
    const hash = contentHash(admitted.tensors);
    const found = entries.get(keyOf(runner.model, hash));
    if (found !== undefined && sameTensors(found.inputs, admitted.tensors)) {
      hits++;
      return fromMemory(found, 0);
    }
    // The inputs are the caller's; what is kept and compared later must be ours.
    const inputs = admitted.tensors.map(copyTensor);
    const call = deadline === noDeadline ? runOptions : { ...runOptions, deadline };
    for (;;) {
      const key = keyOf(runner.model, hash);
      const flight = flights.get(key);
      if (flight === undefined) return lead(key, hash, inputs, call);
      if (!sameTensors(flight.inputs, inputs)) return (await compute(hash, inputs, call)).result;
      try {
        const entry = await patience(flight.entry, signal, deadline, clock);
        joined++;
        return fromMemory(entry, clock.now() - calledAt);
      } catch (error) {
        const isOwn = FairleadError.isInstance(error) && ownTroubles.has(error.code);
        if (!isOwn || signal?.aborted === true || deadline <= clock.now()) {
          joined++;
          throw error;
        }
      }
    }
  };

  return {
    ...closeable(async () => {
      closed = true;
      await runner.close();
      entries.clear();
    }),
    signature: runner.signature,
    get model() {
      return runner.model;
    },
    get loaded() {
      return runner.loaded;
    },
    events: runner.events,
    ...healthAround(runner, () => closed),
    async run(inputs, runOptions = {}) {
      if (closed) throw new FairleadError('CLOSED', 'The cached runner was closed. Make a new one.');
      return run(inputs, runOptions);
    },
    cacheStats: () => ({ hits, misses, joined, entries: entries.size, bytes: entries.calculatedSize }),
    clearCache() {
      era++;
      entries.clear();
      flights.clear();
    },
  };
}

/** What answers are found by. A server may not tell the digest of its model. */
function keyOf({ name, version, digest }: ModelInfo, hash: string): string {
  return `${digest === '' ? JSON.stringify([name, version]) : digest}:${hash}`;
}

function copyAll(tensors: Tensors): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, copyTensor(tensor)]));
}

/** Waits for somebody else's result for as long as one's own signal and deadline allow. */
function patience<T>(result: Promise<T>, signal: AbortSignal | undefined, deadline: number, clock: Clock): Promise<T> {
  if (signal === undefined && deadline === noDeadline) return result;
  return new Promise((resolve, reject) => {
    const timer =
      deadline === noDeadline
        ? undefined
        : clock.setTimer(
            () => end(() => reject(deadlineError('while it waited for an equal one'))),
            deadline - clock.now(),
          );
    const onAbort = (): void => end(() => reject(abortedError(signal as AbortSignal, 'The request')));
    const end = (settle: () => void): void => {
      timer?.clear();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    result.then(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    );
  });
}
