import type { Clock, ClockTimer } from '../clock';
import { FairleadError } from '../errors';
import { codeOf, codesFor } from '../resilience/remedies';
import type { StartedRun } from '../resilience/started-run';
import type { RunOptions, RunResult } from '../runner/runner';
import type { InputsOf } from '../signature';
import type { Endpoint } from './endpoint';
import type { PoolStats } from './result';

/** What a request needs of its pool. */
export interface RequestParts {
  readonly clock: Clock;
  readonly maxAttempts: number;
  /** What most answers take, in milliseconds; undefined while that is not known. */
  usualMs(): number | undefined;
  /** The endpoint to ask next, none of `tried` while there is another one. */
  next(tried: ReadonlySet<Endpoint>): Endpoint | undefined;
  /** A second endpoint for a request that takes long: a ready one, or none. */
  company(tried: ReadonlySet<Endpoint>): Endpoint | undefined;
  /** An endpoint that was left alone for long enough. */
  probe(): Endpoint | undefined;
  takeRetry(): boolean;
  takeHedge(): boolean;
  /** Whether requests may be sent twice for being slow. */
  readonly hedges: boolean;
  onRetry(from: Endpoint, to: Endpoint, attempt: number, error: unknown): void;
  onHedge(from: Endpoint, to: Endpoint, afterMs: number): void;
  onProbe(): void;
  onGiveUp(why: keyof PoolStats['givenUp']): void;
  /** The error of a request that nobody can be asked. */
  refusal(): FairleadError;
}

/** One request. */
export interface PoolRequest {
  readonly inputs: InputsOf;
  readonly options: RunOptions;
  /** How it ended; set by whoever ends it. */
  ended: 'answered' | 'failed' | 'aborted' | 'late' | undefined;
  /** What to give up when it has ended. */
  readonly started: { cancel(): void }[];
}

/** An answer, and how it came. */
export interface PoolAnswer {
  readonly result: RunResult;
  /** Milliseconds from the first attempt to the one that answered. */
  readonly waitedMs: number;
  readonly by: 'first' | 'retry' | 'hedge' | 'probe';
}

const mendable = codesFor('fallback');

/** Whether another endpoint may answer what this one failed at. */
function isMendable(error: unknown): boolean {
  const code = codeOf(error);
  // Somebody has closed that endpoint; the pool is open.
  if (code === 'CLOSED') return true;
  if (code !== 'REMOTE_FAILED' || !FairleadError.isInstance(error)) return mendable.has(code);
  const { status } = error.details;
  // What a server refuses as the request's own fault, the next one refuses too.
  return typeof status !== 'number' || status < 400 || status >= 500 || status === 408 || status === 429;
}

/** Asks endpoints until one answers. Rejects with what the last of them failed with. */
export function answerRequest(parts: RequestParts, request: PoolRequest): Promise<PoolAnswer> {
  const { clock } = parts;
  const begunAt = clock.now();
  const tried = new Set<Endpoint>();
  let live = 0;
  let attempts = 0;
  let hedge: ClockTimer | undefined;

  return new Promise((resolve, reject) => {
    const end = (how: 'answered' | 'failed'): boolean => {
      if (request.ended !== undefined) return false;
      request.ended = how;
      hedge?.clear();
      for (const each of request.started) each.cancel();
      return true;
    };

    const start = (endpoint: Endpoint, by: PoolAnswer['by']): void => {
      const startedAt = clock.now();
      tried.add(endpoint);
      live++;
      const isWanted = (): boolean => request.ended === undefined || request.ended === 'late';
      const run: StartedRun = endpoint.start(request.inputs, request.options, parts.usualMs() ?? 0, isWanted);
      // What finds out about an endpoint goes on though the request has its answer.
      if (by !== 'probe') request.started.push(run);
      void run.settled.then((settled) => {
        live--;
        if (!settled.ok) failed(endpoint, settled.error);
        else if (end('answered')) resolve({ result: settled.result, waitedMs: startedAt - begunAt, by });
      });
    };

    const failed = (endpoint: Endpoint, error: unknown): void => {
      if (request.ended !== undefined) return;
      if (!isMendable(error)) {
        if (end('failed')) reject(error);
        return;
      }
      // Whoever else has it may still answer.
      if (live > 0) return;
      const to = parts.next(tried);
      const why =
        attempts >= parts.maxAttempts
          ? 'attempts'
          : to === undefined
            ? 'endpoints'
            : parts.takeRetry()
              ? undefined
              : 'budget';
      if (to === undefined || why !== undefined) {
        parts.onGiveUp(why ?? 'endpoints');
        if (end('failed')) reject(error);
        return;
      }
      attempts++;
      parts.onRetry(endpoint, to, attempts, error);
      start(to, 'retry');
      planHedge(to);
    };

    /** Gives the request to a second endpoint when the first takes longer than most. */
    const planHedge = (from: Endpoint): void => {
      hedge?.clear();
      const afterMs = parts.usualMs();
      if (!parts.hedges || afterMs === undefined) return;
      hedge = clock.setTimer(() => {
        const to = request.ended === undefined ? parts.company(tried) : undefined;
        if (to === undefined || !parts.takeHedge()) return;
        parts.onHedge(from, to, afterMs);
        start(to, 'hedge');
      }, afterMs);
    };

    const first = parts.next(tried);
    if (first === undefined) {
      end('failed');
      reject(parts.refusal());
      return;
    }
    attempts = 1;
    const isSafe = !first.wantsProbe;
    start(first, 'first');
    planHedge(first);
    // Whether an endpoint is back is found out with a copy, so that it costs no request its answer.
    const probe = isSafe ? parts.probe() : undefined;
    if (probe !== undefined) {
      parts.onProbe();
      start(probe, 'probe');
    }
  });
}
