import { noDeadline } from '../deadline';
import { FairleadError } from '../errors';
import { closeable } from '../lifecycle';
import { healthAround } from '../runner/health';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { InputsOf } from '../signature';
import type { Tensor } from '../tensor/tensor';

/* What the stages around a runner have in common. */

/** The part of a stage that is its own. */
export interface StageParts {
  /** How the error after close names it. */
  readonly name: string;
  /** May throw instead of rejecting. */
  run(inputs: InputsOf, options: RunOptions): Promise<RunResult>;
  /** What must end before the runner inside is closed. */
  drain?(): Promise<void>;
  /** Runs after the runner inside was closed, or failed to close. */
  release?(): void | Promise<void>;
}

/** Makes a runner around another: signature, model and events are the inner one's, and closing closes it. */
export function stageAround(inner: ModelRunner, parts: StageParts): ModelRunner {
  let closed = false;
  const releasing = closeable(async () => {
    await parts.drain?.();
    try {
      await inner.close();
    } finally {
      await parts.release?.();
    }
  });
  const close = (): Promise<void> => {
    closed = true;
    return releasing.close();
  };
  return {
    signature: inner.signature,
    get model() {
      return inner.model;
    },
    get loaded() {
      return inner.loaded;
    },
    events: inner.events,
    ...healthAround(inner, () => closed),
    run(inputs, options = {}) {
      if (closed) return Promise.reject(closedError(parts.name));
      try {
        return parts.run(inputs, options);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The error of work that comes after close. */
export function closedError(name: string): FairleadError {
  return new FairleadError('CLOSED', `The runner with ${name} was closed. Make a new one.`);
}

/** The options for the stages inside: `timeoutMs` counts from now, so it becomes a deadline here, once. */
export function withDeadline(options: RunOptions, deadline: number): RunOptions {
  return deadline === noDeadline ? options : { ...options, deadline };
}

/** An answer that came later than its runner knows: the time before counts as waiting. */
export function afterWaiting(result: RunResult, waitedMs: number): RunResult {
  return { ...result, timing: { ...result.timing, queueMs: result.timing.queueMs + waitedMs } };
}

/**
 * Copies of inputs for a run after the call has returned, when the arrays are the caller's again. What is no input at all
 * stays as it is, for the runner's door to refuse.
 */
export function keepInputs(inputs: InputsOf): InputsOf {
  if (typeof inputs !== 'object' || inputs === null) return inputs;
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, keepInput(value)])) as InputsOf;
}

function keepInput(value: unknown): unknown {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return copyArray(value);
  if (typeof value !== 'object' || value === null) return value;
  const { dtype, shape, data } = value as Tensor;
  return { dtype, shape: copyArray(shape), data: copyArray(data) };
}

function copyArray(array: unknown): unknown {
  const { slice } = array as { slice?: unknown };
  return typeof slice === 'function' && typeof array === 'object' ? slice.call(array) : array;
}

/** Counts requests that a stage still needs its runner for. */
export interface Pending {
  enter(): void;
  leave(): void;
  /** Ends when there are none. */
  drained(): Promise<void>;
}

export function createPending(): Pending {
  let count = 0;
  let onEmpty: (() => void) | undefined;
  return {
    enter() {
      count++;
    },
    leave() {
      count--;
      if (count === 0) onEmpty?.();
    },
    drained() {
      return new Promise((resolve) => {
        onEmpty = resolve;
        if (count === 0) resolve();
      });
    },
  };
}
