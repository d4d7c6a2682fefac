/** Drives an open load: requests come at a fixed rate, whatever becomes of those before them. */
export interface OpenLoad {
  /** Arrivals a second, evenly spaced. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly durationMs: number;
  /** Milliseconds after which an answer is of no use to the caller. */
  readonly patienceMs: number;
  /** Sends one request; `index` counts them. */
  readonly request: (index: number) => Promise<unknown>;
}

/** What became of an open load. */
export interface OpenLoadResult {
  /** Requests that were sent. */
  readonly sent: number;
  /** Requests that were due and were not sent, because the process was too busy to send them in time. */
  readonly skipped: number;
  /** Answers that were back in time, as their callers saw it. */
  readonly inTime: number;
  /** Answers that came too late. */
  readonly late: number;
  /** Requests that failed, by code, or by name of the error where it has no code. */
  readonly failed: ReadonlyMap<string, number>;
  /** Milliseconds that the slowest answer took; 0 where there was none. */
  readonly slowestMs: number;
}

/** Where an open load takes its time from. */
export interface Ticker {
  /** Milliseconds. */
  now(): number;
  /** Resolves a moment later; whatever else the process has to do goes on until then. */
  tick(): Promise<void>;
}

const everyMillisecond: Ticker = {
  now: () => performance.now(),
  tick: () => new Promise((resolve) => void setTimeout(resolve, 1)),
};

/** A tick catches up with at most so many milliseconds of arrivals, so that a busy process is not buried in what it owes. */
const mostArrearsMs = 20;

/** Runs an open load until its last request has ended. */
export async function driveOpen(load: OpenLoad, ticker: Ticker = everyMillisecond): Promise<OpenLoadResult> {
  const { perSecond, durationMs, patienceMs, request } = load;
  const failed = new Map<string, number>();
  let [sent, skipped, inTime, late, slowestMs] = [0, 0, 0, 0, 0];
  let open = 0;
  let onLast: (() => void) | undefined;
  const end = (): void => {
    open--;
    if (open === 0) onLast?.();
  };
  const send = (): void => {
    const sentAt = ticker.now();
    open++;
    request(sent++).then(
      () => {
        const took = ticker.now() - sentAt;
        if (took <= patienceMs) inTime++;
        else late++;
        if (took > slowestMs) slowestMs = took;
        end();
      },
      (error: unknown) => {
        const reason = reasonOf(error);
        failed.set(reason, (failed.get(reason) ?? 0) + 1);
        end();
      },
    );
  };
  const startedAt = ticker.now();
  const mostAtOnce = Math.max(1, Math.round((perSecond * mostArrearsMs) / 1000));
  for (let elapsed = 0; elapsed < durationMs; elapsed = ticker.now() - startedAt) {
    let owed = Math.floor((Math.min(elapsed, durationMs) * perSecond) / 1000) - sent - skipped;
    if (owed > mostAtOnce) {
      skipped += owed - mostAtOnce;
      owed = mostAtOnce;
    }
    for (; owed > 0; owed--) send();
    await ticker.tick();
  }
  if (open > 0) {
    await new Promise<void>((resolve) => {
      onLast = resolve;
    });
  }
  return { sent, skipped, inTime, late, failed, slowestMs };
}

function reasonOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return String(code ?? name ?? error);
}
