import type { ErrorCode, ErrorDetails } from '../errors';
import { abortedError, FairleadError } from '../errors';
import { createEvents, type EventSource } from '../events';
import { closeable } from '../lifecycle';
import type { ModelRunner, RunnerEventMap, RunOptions } from '../runner/runner';
import type { InputsOf, ModelSignature } from '../signature';
import type { Tensor } from '../tensor/tensor';
import { collectInto } from '../testing/test-kit.fixture';
import type { VirtualClock } from '../testing/virtual-clock';

/* A runner that does what a test says; not part of `@fairlead/core/resilience`. */

/** What the runner does with one request. */
export interface Step {
  /** Milliseconds until it ends. @default 10 */
  readonly afterMs?: number;
  /** What it fails with. @default it answers */
  readonly error?: unknown;
  /** Never ends but by an abort. */
  readonly hangs?: boolean;
}

export interface ScriptedCall {
  /** The numbers of `x` as they were at the call. */
  readonly x: readonly number[];
  readonly options: RunOptions;
  readonly at: number;
}

export interface ScriptedRunner extends ModelRunner {
  readonly calls: readonly ScriptedCall[];
  readonly events: EventSource<RunnerEventMap>;
  /** Requests in flight now, and most that ever were. */
  readonly inFlight: number;
  readonly mostInFlight: number;
  readonly closed: boolean;
}

export const pairSignature: ModelSignature = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
  batchAxis: 0,
};

export function failure(code: ErrorCode, details: ErrorDetails = {}): FairleadError {
  return new FairleadError(code, `Scripted ${code}.`, { details });
}

/**
 * Answers its input, times ten to the power of its version. It takes no notice of deadlines, so that what keeps them is
 * the stage around it; an abort ends a request at once; closing waits for requests in flight.
 */
export function scriptedRunner(
  clock: VirtualClock,
  script: (call: number) => Step = () => ({}),
  version = '0',
  signature = pairSignature,
): ScriptedRunner {
  const calls: ScriptedCall[] = [];
  const events = createEvents<RunnerEventMap>(collectInto([]));
  let inFlight = 0;
  let mostInFlight = 0;
  let closed = false;
  let onIdle: (() => void) | undefined;

  const run = (inputs: InputsOf, options: RunOptions = {}) => {
    if (closed) return Promise.reject(new FairleadError('CLOSED', 'The scripted runner was closed.'));
    const { afterMs = 10, error, hangs = false } = script(calls.length);
    const x = Array.from((inputs.x as Tensor<'float32'>).data ?? (inputs.x as Float32Array));
    calls.push({ x, options, at: clock.now() });
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    const { signal } = options;
    return new Promise<void>((resolve, reject) => {
      const timer = hangs
        ? undefined
        : clock.setTimer(() => {
            signal?.removeEventListener('abort', onAbort);
            if (error === undefined) resolve();
            else reject(error);
          }, afterMs);
      const onAbort = (): void => {
        timer?.clear();
        reject(abortedError(signal as AbortSignal, 'The request'));
      };
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    })
      .finally(() => {
        inFlight--;
        if (inFlight === 0) onIdle?.();
      })
      .then(() => {
        const data = Float32Array.from(x, (value) => value * 10 ** Number(version));
        return {
          outputs: { y: { dtype: 'float32' as const, shape: [data.length / 2, 2], data } },
          model: { name: 'scripted', version, digest: version.padStart(64, '0') },
          timing: { queueMs: 0, computeMs: afterMs },
          batchSize: 1,
        };
      });
  };

  return {
    ...closeable(async () => {
      if (inFlight > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      closed = true;
    }),
    signature,
    model: { name: 'scripted', version, digest: version.padStart(64, '0') },
    events,
    calls,
    get inFlight() {
      return inFlight;
    },
    get mostInFlight() {
      return mostInFlight;
    },
    get closed() {
      return closed;
    },
    run,
  };
}

/** One row of two numbers, in an array of its own. */
export function pair(a = 1, b = 2): { x: Float32Array } {
  return { x: Float32Array.of(a, b) };
}
