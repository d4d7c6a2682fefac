import { LRUCache } from 'lru-cache';
import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { deadlineError, deadlineOf, noDeadline } from '../deadline';
import { abortedError, type ErrorCode, FairleadError, throwIfAborted } from '../errors';
import { closeable } from '../lifecycle';
import { byName, compileDoor } from '../runner/door';
import { healthAround } from '../runner/health';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { contentKey, copyTensor, sameTensors, tensorBytes } from './content-key';

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

interface Entry {
  readonly inputs: readonly Tensor[];
  readonly outputs: Tensors;
  readonly result: RunResult;
}

interface Flight {
  readonly inputs: readonly Tensor[];
  readonly result: Promise<RunResult>;
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
 * whatever the inputs hash to. Equal requests that come while one is being computed wait for it. After a swap the new
 * model's digest finds nothing of the old one. Closing closes the runner inside.
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

  const compute = async (key: string, inputs: readonly Tensor[], runOptions: RunOptions): Promise<RunResult> => {
    misses++;
    const result = await runner.run(byName(runner.signature.inputs, inputs), runOptions);
    // A swap may have come in between; the answer belongs to the model that gave it.
    const ownKey = key.replace(/^[^:]*/, result.model.digest);
    if (!closed) entries.set(ownKey, { inputs, outputs: copyAll(result.outputs), result });
    return result;
  };

  const lead = (key: string, inputs: readonly Tensor[], runOptions: RunOptions): Promise<RunResult> => {
    const result = compute(key, inputs, runOptions);
    const flight: Flight = { inputs, result };
    flights.set(key, flight);
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    result.then(land, land);
    return result;
  };

  const run = async (given: InputsOf, runOptions: RunOptions = {}): Promise<RunResult> => {
    const admitted = door(given);
    throwIfAborted(runOptions.signal, 'The request');
    const deadline = deadlineOf(runOptions, clock);
    const key = contentKey(runner.model.digest, admitted.tensors);
    const found = entries.get(key);
    if (found !== undefined && sameTensors(found.inputs, admitted.tensors)) {
      hits++;
      return { ...found.result, outputs: copyAll(found.outputs), timing: { queueMs: 0, computeMs: 0 } };
    }
    // The inputs are the caller's; what is kept and compared later must be ours.
    const inputs = admitted.tensors.map(copyTensor);
    const inner = deadline === noDeadline ? runOptions : { ...runOptions, deadline };
    const flight = flights.get(key);
    if (flight === undefined) return lead(key, inputs, inner);
    if (!sameTensors(flight.inputs, inputs)) return compute(key, inputs, inner);
    joined++;
    try {
      const result = await patience(flight.result, runOptions.signal, deadline, clock);
      return { ...result, outputs: copyAll(result.outputs) };
    } catch (error) {
      const stillWilling = runOptions.signal?.aborted !== true && deadline > clock.now();
      if (FairleadError.isInstance(error) && ownTroubles.has(error.code) && stillWilling)
        return lead(key, inputs, inner);
      throw error;
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
    async run(inputs, runOptions) {
      if (closed) throw new FairleadError('CLOSED', 'The cached runner was closed. Make a new one.');
      return run(inputs, runOptions);
    },
    cacheStats: () => ({ hits, misses, joined, entries: entries.size, bytes: entries.calculatedSize }),
    clearCache: () => entries.clear(),
  };
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
