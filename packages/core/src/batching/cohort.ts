import type { ModelInfo, Priority, RunResult, RunTiming } from '../runner/runner';
import type { Tensors } from '../tensor/tensor';
import type { ShapeFit } from './shape-fit';
import type { Slab } from './slab';

/** Where a cohort stands. It leaves `done` never again, so that its requests end exactly once. */
export type CohortState = 'queued' | 'in-flight' | 'done';

/** Priority classes by rank: 0 leaves first. */
export const priorityRanks: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 };

/** A request that waits this long moves up by one priority class, so that low priority still moves under load. */
export const ageingMs = 1000;
/**
 * Deadlines are told apart by steps of so many milliseconds, and a request joins a cohort whose deadline is earlier by less, which then is its
 * own too. Where a server takes what its event loop lost from what each request has, those that came together differ by microseconds, in no
 * order: told apart, they would be queued and computed in that order and not as they came, and a batch copied together from rows that
 * already lie in one piece.
 */
export const deadlineGrainMs = 0.25;

/** What the queue looks at, the same for all requests of a cohort. */
export interface CohortTraits {
  /** Rank of its priority class; 0 leaves first. */
  readonly rank: number;
  /** Absolute, in milliseconds of the clock; infinite without one. */
  readonly deadline: number;
  /** Milliseconds of the clock. */
  readonly enqueuedAt: number;
  /** Whose share it is taken from; undefined where the caller named nobody. */
  readonly key: string | undefined;
  /** Share of that key beside others. */
  readonly weight: number;
  /** Whether it may be run again when the worker that computed it died. */
  readonly idempotent: boolean;
}

/**
 * What orders requests of one class, in milliseconds of the clock: the deadline, but no later than one ageing time after the arrival, so
 * that a request without a deadline is not passed for ever by those that have one; in steps of {@link deadlineGrainMs}.
 */
export function urgencyOf({ deadline, enqueuedAt }: Pick<CohortTraits, 'deadline' | 'enqueuedAt'>): number {
  return Math.floor(Math.min(deadline, enqueuedAt + ageingMs) / deadlineGrainMs) * deadlineGrainMs;
}

/** Gives the rows of one request out of a batch's outputs; `fit` takes the padding off, where there is some. */
export type Split = (start: number, rows: number, fit: ShapeFit | undefined) => Tensors;

/** How the requests of a cohort ended. */
export type Outcome =
  | { readonly error: unknown }
  | {
      readonly split: Split;
      /** The cohort's first row in its batch. */
      readonly start: number;
      readonly model: ModelInfo;
      readonly timing: RunTiming;
      readonly batchSize: number;
      /** Asked by each request of so many rows as it collects its answer: the error of one that comes too late; undefined where there is no deadline. */
      readonly late: ((rows: number) => Error | undefined) | undefined;
    };

/** A list in which cohorts wait, as they know it. */
export interface WaitingList {
  /** A cohort in the list grew, or shrank, by so many rows. */
  resize(rows: number): void;
  /** A cohort in the list ended early. */
  bury(cohort: Cohort): void;
}

/** The abort signal of a request, as who listens to it knows it. */
export interface WatchedSignal {
  readonly signal: AbortSignal;
}

/** Who listens to the signals of cohorts. */
export interface Listening {
  /** A cohort ended. */
  leave(cohort: Cohort): void;
  /** Parts of a cohort wait in its place. */
  move(whole: Cohort, parts: readonly Cohort[]): void;
}

/** A part that a cohort was parted into. */
export interface Part {
  /** Its first row, counted from the first row of the whole. */
  readonly from: number;
  readonly cohort: Cohort;
}

/**
 * Requests that came in one turn, lie side by side in one slab, and differ in nothing that the queue looks at: queued,
 * taken and expired as one. They share one promise too, from which each derives its own, so that a request costs little
 * more than that. Where the abort signal of one is raised before the others end, they are parted.
 */
export class Cohort {
  state: CohortState = 'queued';
  rows = 0;
  /** Rows of each request. */
  readonly memberRows: number[] = [];
  /** Neighbours in their slot of the expiry wheel. */
  expiryPrevious: Cohort | undefined = undefined;
  expiryNext: Cohort | undefined = undefined;
  expirySlot: number = Number.NaN;
  /** The list that it waits in. */
  list: WaitingList | undefined = undefined;
  /** What orders cohorts of one class; see {@link urgencyOf}. */
  readonly urgency: number;
  /** The abort signal of each request; undefined where none has one. */
  signals: (WatchedSignal | undefined)[] | undefined = undefined;
  /** Who listens to them. */
  listening: Listening | undefined = undefined;
  /** Part of a larger request, which tells of its end itself. */
  isPart = false;
  /** How often it was run again because its worker had died. */
  reruns = 0;
  readonly #settled: Promise<void>;
  readonly #settle: () => void;
  #outcome: Outcome | undefined;
  /** What it was parted into, which stands in its place from then on. */
  parts: readonly Part[] | undefined = undefined;
  /** Requests and rows that were collected. */
  #collected = 0;
  #collectedRows = 0;

  constructor(
    readonly slab: Slab,
    /** First row in the slab. */
    readonly start: number,
    readonly traits: CohortTraits,
  ) {
    this.urgency = urgencyOf(traits);
    let settle: (() => void) | undefined;
    this.#settled = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle as unknown as () => void;
  }

  get requests(): number {
    return this.memberRows.length;
  }

  /** Takes a request in whose rows lie behind the last ones. The promise is its own: it ends as the request does. */
  join(rows: number, signal?: WatchedSignal): Promise<RunResult> {
    if (signal !== undefined) this.signals ??= new Array(this.memberRows.length).fill(undefined);
    this.signals?.push(signal);
    this.rows += rows;
    this.memberRows.push(rows);
    return this.#settled.then(this.#collectNext);
  }

  /** One for all requests: a promise calls back in the order in which it was asked, so that none needs a closure of its own. */
  readonly #collectNext = (): RunResult | Promise<RunResult> => {
    const from = this.#collectedRows;
    const rows = this.memberRows[this.#collected++] as number;
    this.#collectedRows += rows;
    return this.#collect(from, rows);
  };

  /** Ends all of its requests. */
  end(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#settle();
  }

  /** How many of its first requests have at most `maxRows` rows together. */
  fitting(maxRows: number): number {
    if (this.rows <= maxRows) return this.memberRows.length;
    let rows = 0;
    for (let index = 0; index < this.memberRows.length; index++) {
      rows += this.memberRows[index] as number;
      if (rows > maxRows) return index;
    }
    return this.memberRows.length;
  }

  /** Parts it into the first `requests` requests and the others; each part holds the slab, and the whole no longer does. */
  partAfter(requests: number): readonly [first: Cohort, rest: Cohort] {
    const first = this.#partOf(0, requests);
    const rest = this.#partOf(requests, this.memberRows.length);
    this.#partInto([first, rest]);
    return [first, rest];
  }

  /** Parts it into its single requests; each holds the slab, and the whole no longer does. */
  partIntoRequests(): readonly Cohort[] {
    const parts = this.memberRows.map((_, index) => this.#partOf(index, index + 1));
    this.#partInto(parts);
    return parts;
  }

  #partOf(first: number, end: number): Cohort {
    let from = 0;
    for (let index = 0; index < first; index++) from += this.memberRows[index] as number;
    const part = new Cohort(this.slab, this.start + from, this.traits);
    for (let index = first; index < end; index++) {
      const rows = this.memberRows[index] as number;
      part.rows += rows;
      part.memberRows.push(rows);
    }
    part.signals = this.signals?.slice(first, end);
    part.state = this.state;
    part.isPart = this.isPart;
    part.reruns = this.reruns;
    return part;
  }

  #partInto(cohorts: readonly Cohort[]): void {
    let from = 0;
    this.parts = cohorts.map((cohort) => {
      cohort.slab.hold();
      const part = { from, cohort };
      from += cohort.rows;
      return part;
    });
    this.slab.release();
    this.state = 'done';
    this.listening?.move(this, cohorts);
    this.#settle();
  }

  #collect(from: number, rows: number): RunResult | Promise<RunResult> {
    if (this.parts !== undefined) return this.#collectFromPart(this.parts, from, rows);
    const outcome = this.#outcome as Outcome;
    if ('error' in outcome) throw outcome.error;
    const { split, start, model, timing, batchSize, late } = outcome;
    const error = late?.(rows);
    if (error !== undefined) throw error;
    return { outputs: split(start + from, rows, this.slab.fitAt(this.start + from)), model, timing, batchSize };
  }

  #collectFromPart(parts: readonly Part[], from: number, rows: number): Promise<RunResult> {
    let part = parts[0] as Part;
    for (const later of parts) if (later.from <= from) part = later;
    const { cohort } = part;
    const inside = from - part.from;
    return cohort.#settled.then(() => cohort.#collect(inside, rows));
  }
}

/** Calls `visit` for each of some cohorts, or for what it was parted into by then; `start` is the first row, of all that are given. */
export function forEachPart(
  cohorts: readonly Cohort[],
  visit: (cohort: Cohort, start: number) => void,
  from = 0,
): void {
  let start = from;
  for (const cohort of cohorts) {
    if (cohort.parts === undefined) visit(cohort, start);
    else for (const part of cohort.parts) forEachPart([part.cohort], visit, start + part.from);
    start += cohort.rows;
  }
}

/** Some cohorts, or what they were parted into. */
export function partsOf(cohorts: readonly Cohort[]): readonly Cohort[] {
  if (cohorts.every(({ parts }) => parts === undefined)) return cohorts;
  const found: Cohort[] = [];
  forEachPart(cohorts, (cohort) => void found.push(cohort));
  return found;
}
