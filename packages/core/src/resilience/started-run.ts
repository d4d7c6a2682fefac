import type { Clock, ClockTimer } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { abortedError } from '../errors';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { InputsOf } from '../signature';

/** How a run ended; what is awaited never rejects, so that the side that lost a race disturbs nobody. */
export type Settled =
  | { readonly ok: true; readonly result: RunResult; readonly tookMs: number; readonly endedAt: number }
  | { readonly ok: false; readonly error: unknown; readonly tookMs: number };

/** A run that can be given up by itself. */
export interface StartedRun {
  readonly settled: Promise<Settled>;
  /** Gives it up. What the runner still answers is dropped. */
  cancel(): void;
}

/** Starts a run with a signal of its own. */
export function startRun(runner: ModelRunner, inputs: InputsOf, options: RunOptions, clock: Clock): StartedRun {
  const controller = new AbortController();
  const begunAt = clock.now();
  const run = async (): Promise<RunResult> => runner.run(inputs, { ...options, signal: controller.signal });
  const settled = run().then(
    (result): Settled => {
      const endedAt = clock.now();
      return { ok: true, result, tookMs: endedAt - begunAt, endedAt };
    },
    (error: unknown): Settled => ({ ok: false, error, tookMs: clock.now() - begunAt }),
  );
  return { settled, cancel: () => controller.abort() };
}

/** What ends a request before its answer: its caller, or its deadline. */
export interface Ending {
  /** Rejects when it does, and never resolves. */
  readonly cut: Promise<never>;
  release(): void;
}

/**
 * Watches a caller's signal and deadline.
 * @param onCut gives up what is under way
 */
export function watchEnding(
  signal: AbortSignal | undefined,
  deadline: number,
  clock: Clock,
  onCut: () => void,
): Ending {
  let timer: ClockTimer | undefined;
  let onAbort: (() => void) | undefined;
  const cut = new Promise<never>((_resolve, reject) => {
    const end = (error: unknown): void => {
      onCut();
      reject(error);
    };
    if (signal !== undefined) {
      onAbort = () => end(abortedError(signal, 'The request'));
      signal.addEventListener('abort', onAbort, { once: true });
    }
    if (deadline !== noDeadline) {
      const leftMs = Math.max(0, deadline - clock.now());
      timer = clock.setTimer(() => end(deadlineError('before there was an answer')), Math.min(leftMs, longestTimerMs));
    }
  });
  // Where nobody races against it any more, nobody has to know.
  cut.catch(ignore);
  return {
    cut,
    release() {
      timer?.clear();
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    },
  };
}

/** A timer of the platform holds 31 bits. */
const longestTimerMs = 2 ** 31 - 1;

function ignore(): void {}
