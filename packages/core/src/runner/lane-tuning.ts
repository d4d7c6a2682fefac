import type { WarmUpTime } from './warm-up';

/** Lanes × threads that were tried, and how they did. */
export interface LaneTrial {
  /** Worker lanes at work at the same time. */
  readonly lanes: number;
  /** Threads of each; undefined where the backend does not tell. */
  readonly threads: number | undefined;
  /** Rows a second of all lanes together; undefined where it was not measured. */
  readonly rowsPerSecond: number | undefined;
  /** Why it was not measured. */
  readonly reason?: string;
}

/** How `lanes: 'auto'` came to its choice. */
export interface LaneTuning {
  /** Whether it was measured when the model was loaded, or remembered from an earlier time. */
  readonly source: 'measured' | 'remembered';
  /** Where the model computes: inline, or in so many worker lanes. */
  readonly lanes: 'inline' | number;
  /** Threads of each session; undefined where the backend does not tell. */
  readonly threads: number | undefined;
  /** The device that computed. */
  readonly device: string;
  /** The cores that there were to share out; undefined where the backend does not tell. */
  readonly cores: number | undefined;
  /** The largest batch of the first lane's warm-up: below 0.25 ms the model goes inline, from 2 ms on into workers. */
  readonly batch: WarmUpTime;
  /** What was tried, in order; the first is one lane of one thread. */
  readonly trials: readonly LaneTrial[];
  /** Milliseconds that trying took, beside the warm-up of the first lane. */
  readonly tookMs: number;
}

/** A whole batch that takes less than this, on one thread: waking others for it costs about what they could save. */
export const wakingMs = 0.25;
/** A whole batch that takes as long as this, on one thread, would hold its owner's thread up. */
export const inlineBudgetMs = 2;
/** In between, workers must get so many times the rows done that are done inline: each is a copy of the model. */
export const worthWorkers = 1.25;

/** Rows a second of one batch after another. */
export function rateOfBatch({ rows, computeMs }: WarmUpTime): number {
  return (rows / Math.max(computeMs, 1e-6)) * 1000;
}

/** Why the lanes are what they are, in a sentence with what was measured. */
export function reasonOfTuning({ source, lanes, threads, batch, trials }: LaneTuning): string {
  const [first, ...others] = trials;
  const on = first?.threads === undefined ? '' : ` on ${threadsOf(first.threads)}`;
  const decided = `a batch of ${batch.rows} took ${batch.computeMs.toFixed(2)} ms${on}, ${verdictOn(batch, lanes)}`;
  const chosen = lanes === 'inline' ? 1 : lanes;
  const rank = (trial: LaneTrial): number => (trial.lanes === chosen && trial.threads === threads ? 0 : 1);
  const told = others.length === 0 ? [] : [...trials].sort((a, b) => rank(a) - rank(b)).map(tellTrial);
  return `${source === 'remembered' ? 'remembered: ' : ''}${[decided, ...told].join('; ')}`;
}

/** What followed from how long a batch took. */
function verdictOn({ computeMs }: WarmUpTime, lanes: 'inline' | number): string {
  if (computeMs < wakingMs) return `less than ${wakingMs} ms`;
  if (computeMs >= inlineBudgetMs) return `at least ${inlineBudgetMs} ms`;
  const range = `from ${wakingMs} to ${inlineBudgetMs} ms`;
  // A record of an earlier release may know of no workers.
  return lanes === 'inline'
    ? `${range}, and no workers were found that do ${worthWorkers} times as much as inline`
    : `${range}, and workers do at least ${worthWorkers} times as much as inline`;
}

function tellTrial({ lanes, threads, rowsPerSecond, reason }: LaneTrial): string {
  const what = `${lanes} ${lanes === 1 ? 'lane' : 'lanes'}${threads === undefined ? '' : ` × ${threadsOf(threads)}`}`;
  return `${what}: ${rowsPerSecond === undefined ? `not measured, ${reason}` : `${Math.round(rowsPerSecond)} rows/s`}`;
}

function threadsOf(count: number): string {
  return `${count} ${count === 1 ? 'thread' : 'threads'}`;
}
