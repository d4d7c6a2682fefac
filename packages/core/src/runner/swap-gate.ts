import type { BatcherStats } from '../batching/batcher';
import type { Clock, ClockTimer } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { abortedError, type ErrorCode, FairleadError } from '../errors';
import type { ModelSignature } from '../signature';
import { byteSize, type Tensor } from '../tensor/tensor';
import type { BatchingLimits, RunRequest } from './deployment';
import { byName, compileDoor } from './door';
import type { RunOptions, RunResult } from './runner';
import { submitOptionsOf } from './submit-options';

/** What waits. */
export type Waiting = Pick<BatcherStats, 'queuedRequests' | 'queuedRows' | 'queuedBytes'>;

/** What a gate is made of. */
export interface SwapGateParts {
  readonly signature: ModelSignature;
  readonly limits: BatchingLimits;
  readonly clock: Clock;
  /** When the next model should be ready, in milliseconds of the clock: advice for those who are turned away. */
  readonly readyAt: number;
  /** What still waits for the model before; it counts against the limits too. */
  readonly before: () => Waiting;
  readonly onRequestFail: (code: ErrorCode, rows: number) => void;
}

/** Where requests wait while a runner has no model. */
export interface SwapGate {
  /**
   * Takes a request as a deployment would: checked at the door, copied before the call returns, within the limits of
   * the queue, and with its own deadline and signal.
   */
  readonly run: RunRequest;
  waiting(): Waiting;
  /** Sends on whatever waits, in order of arrival; what they waited counts as time in the queue. */
  open(run: RunRequest): void;
  /** Fails whatever waits. */
  fail(error: FairleadError): void;
}

/** One request at the gate. */
interface WaitingRequest {
  sendOn(run: RunRequest): void;
  fail(error: FairleadError): void;
}

/** A timer of the platform holds 31 bits. */
const longestTimerMs = 2 ** 31 - 1;

/** Makes a gate, closed. */
export function createSwapGate(parts: SwapGateParts): SwapGate {
  const { clock, limits, onRequestFail } = parts;
  const door = compileDoor(parts.signature);
  const line = new Set<WaitingRequest>();

  let rowsHere = 0;
  let bytesHere = 0;

  const waiting = (): Waiting => {
    const before = parts.before();
    return {
      queuedRequests: before.queuedRequests + line.size,
      queuedRows: before.queuedRows + rowsHere,
      queuedBytes: before.queuedBytes + bytesHere,
    };
  };

  const overLimit = (unit: 'rows' | 'bytes', given: number, held: number): FairleadError | undefined => {
    const option = unit === 'rows' ? 'maxQueueRows' : 'maxQueueBytes';
    const limit = limits[option];
    if (held + given <= limit) return undefined;
    const expected = `at most ${limit} ${unit}`;
    if (given > limit) {
      return new FairleadError(
        'LIMIT_EXCEEDED',
        `The request has ${given} ${unit}, more than the whole queue may hold (${limit}). Send it in parts, or raise ${option}.`,
        { details: { field: option, expected, given: `${given} ${unit}` } },
      );
    }
    const retryAfterMs = Math.max(1, Math.ceil(parts.readyAt - clock.now()));
    return new FairleadError(
      'OVERLOADED',
      `The model is being swapped, and ${held} of ${limit} ${unit} wait for the next one. Retry after ${retryAfterMs} ms, or raise ${option}.`,
      { details: { field: option, expected, given: `${held} waiting`, retryAfterMs } },
    );
  };

  const run: RunRequest = (given, options) => {
    let rows = 0;
    try {
      const admitted = door(given);
      const { deadline, signal } = submitOptionsOf(options, clock);
      rows = admitted.rows;
      const bytes = admitted.tensors.reduce((sum, tensor) => sum + byteSize(tensor), 0);
      if (signal?.aborted) throw abortedError(signal, 'The request');
      if (deadline <= clock.now()) throw deadlineError('before it was queued');
      const { queuedRows, queuedBytes } = waiting();
      const refusal = overLimit('rows', rows, queuedRows) ?? overLimit('bytes', bytes, queuedBytes);
      if (refusal !== undefined) throw refusal;
      const inputs = byName(parts.signature.inputs, admitted.tensors.map(copyOf));
      return enter(rows, bytes, inputs, deadline === noDeadline ? options : { ...options, deadline });
    } catch (error) {
      onRequestFail(FairleadError.isInstance(error) ? error.code : 'INVALID_ARGUMENT', rows);
      return Promise.reject(error);
    }
  };

  const enter = (
    rows: number,
    bytes: number,
    inputs: Readonly<Record<string, Tensor>>,
    options: RunOptions = {},
  ): Promise<RunResult> => {
    const { signal, deadline = noDeadline } = options;
    const enteredAt = clock.now();
    return new Promise((resolve, reject) => {
      let timer: ClockTimer | undefined;
      const leave = (): void => {
        line.delete(request);
        rowsHere -= rows;
        bytesHere -= bytes;
        timer?.clear();
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: FairleadError): void => {
        leave();
        reject(error);
        onRequestFail(error.code, rows);
      };
      const onAbort = (): void => fail(abortedError(signal as AbortSignal, 'The request'));
      const watchDeadline = (): void => {
        const leftMs = deadline - clock.now();
        if (leftMs <= 0) fail(deadlineError('while the model was being swapped'));
        else timer = clock.setTimer(watchDeadline, Math.min(leftMs, longestTimerMs));
      };
      const request: WaitingRequest = {
        fail,
        sendOn(runNow) {
          const waitedMs = clock.now() - enteredAt;
          leave();
          runNow(inputs, options).then(
            (result) => resolve({ ...result, timing: { ...result.timing, queueMs: result.timing.queueMs + waitedMs } }),
            reject,
          );
        },
      };
      line.add(request);
      rowsHere += rows;
      bytesHere += bytes;
      signal?.addEventListener('abort', onAbort, { once: true });
      if (deadline !== noDeadline) watchDeadline();
    });
  };

  return {
    run,
    waiting,
    open(runNow) {
      for (const request of [...line]) request.sendOn(runNow);
    },
    fail(error) {
      for (const request of [...line]) request.fail(error);
    },
  };
}

function copyOf({ dtype, shape, data }: Tensor): Tensor {
  return { dtype, shape: [...shape], data: data.slice() } as Tensor;
}
