import { fromText, toText } from '../../embedded/event-codec';
import type { MetricSummary } from '../../store/stored-run';
import type { MlflowMetric } from '../batches';
import { ownKinds, ownTags, parsedTags } from './own-tags';

/*
 * A server tells only the latest point of a metric. How many there are, and the smallest and the largest, every writer
 * notes of what it logged itself; a reader adds the notes up.
 */

type WholeSummary = Required<MetricSummary>;
type Numbers = readonly [count: number, min: number, max: number, step: number, timestamp: number, last: number];

/** Characters of a tag, at most; the server keeps 8000. */
const mostOfTag = 7500;
/** Room for the six numbers of a metric, each written the longest way. */
const numbersLength = 6 * 28;

/** The writer that stands for everybody who copied the run. */
const copierName = 'copy';

function isLater(known: WholeSummary, { step, timestamp }: { step: number; timestamp: number }): boolean {
  return step > known.step || (step === known.step && timestamp >= known.timestamp);
}

function smaller(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b);
}

function larger(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
}

function join(a: WholeSummary, b: WholeSummary): WholeSummary {
  const { last, step, timestamp } = isLater(a, b) ? b : a;
  return { count: a.count + b.count, last, step, timestamp, min: smaller(a.min, b.min), max: larger(a.max, b.max) };
}

/** What one writer logged, metric by metric, and the tags that say so. */
export class MetricAccount {
  readonly #start: string;
  readonly #summaries = new Map<string, WholeSummary>();
  /** The metrics of every tag, and how long it may get. */
  readonly #tags: { readonly keys: string[]; length: number; changed: boolean }[] = [];
  readonly #tagOf = new Map<string, number>();
  #hasTies = false;
  #isGiven = false;

  /** @param writer a name that no other writer of the run has */
  constructor(writer: string) {
    this.#start = `${ownKinds.metrics}${writer}.`;
  }

  /** Whether there is something that no tag says yet. */
  get isChanged(): boolean {
    return this.#tags.some(({ changed }) => changed);
  }

  /** The account of whoever copies the run and knows what it comes to. Every such writer writes to the same tags. */
  static of(metrics: Readonly<Record<string, MetricSummary>>): MetricAccount {
    const account = new MetricAccount(copierName);
    account.#isGiven = true;
    for (const [key, { count, last, step, timestamp, min, max }] of Object.entries(metrics)) {
      if (count === undefined || min === undefined || max === undefined) continue;
      account.#summaries.set(key, { count, last, step, timestamp, min, max });
      account.#place(key);
    }
    return account;
  }

  /** Adds a point that the server has. */
  add({ key, value, step = 0, timestamp }: MlflowMetric): void {
    const one: WholeSummary = { count: 1, last: value, step, timestamp, min: value, max: value };
    const known = this.#summaries.get(key);
    const isTie = known?.step === step && known.timestamp === timestamp && !Object.is(known.last, value);
    this.#hasTies ||= isTie;
    if (this.#isGiven) {
      const [first] = this.#tags;
      if (isTie && first !== undefined) first.changed = true;
      return;
    }
    this.#summaries.set(key, known === undefined ? one : join(known, one));
    const tag = this.#tags[this.#tagOf.get(key) ?? this.#place(key)];
    if (tag !== undefined) tag.changed = true;
  }

  /** Finds room for a new metric. */
  #place(key: string): number {
    const length = JSON.stringify(key).length + numbersLength;
    let last = this.#tags.at(-1);
    if (last === undefined || last.length + length > mostOfTag) {
      last = { keys: [], length: 2, changed: true };
      this.#tags.push(last);
    }
    last.keys.push(key);
    last.length += length;
    this.#tagOf.set(key, this.#tags.length - 1);
    return this.#tags.length - 1;
  }

  /** The tags that are not yet on the server, and what says that they are now. */
  take(): { readonly tags: Readonly<Record<string, string>>; readonly done: () => void } {
    const taken = this.#tags.map((tag, index) => ({ tag, index })).filter(({ tag }) => tag.changed);
    const tags = taken.map(({ tag, index }): [string, string] => {
      const entries = tag.keys.map((key): [string, Numbers] => {
        const { count, min, max, step, timestamp, last } = this.#summaries.get(key) as WholeSummary;
        return [key, [count, min, max, step, timestamp, last]];
      });
      return [`${this.#start}${index}`, toText(Object.fromEntries(entries))];
    });
    return {
      tags: { ...Object.fromEntries(tags), ...(this.#hasTies ? { [ownTags.ties]: 'true' } : {}) },
      done: () => {
        for (const { tag } of taken) tag.changed = false;
      },
    };
  }
}

function isNumbers(value: unknown): value is Numbers {
  return Array.isArray(value) && value.length === 6 && value.every((part) => typeof part === 'number');
}

/** The notes of all writers, added up. */
function readAccounts(tags: Readonly<Record<string, string>>): ReadonlyMap<string, WholeSummary> {
  const found = new Map<string, WholeSummary>();
  for (const { value } of parsedTags(tags, ownKinds.metrics, fromText)) {
    for (const [key, numbers] of Object.entries(value)) {
      if (!isNumbers(numbers)) continue;
      const [count, min, max, step, timestamp, last] = numbers;
      const one = { count, min, max, step, timestamp, last };
      const known = found.get(key);
      found.set(key, known === undefined ? one : join(known, one));
    }
  }
  return found;
}

/**
 * The metrics of a run in short. What the writers noted counts only where the latest point is one of theirs; else another
 * client logged since, or a writer died before it could say what it did.
 */
export function readMetrics(
  latest: Readonly<Record<string, Required<MlflowMetric>>>,
  tags: Readonly<Record<string, string>>,
): Readonly<Record<string, MetricSummary>> {
  const accounts = readAccounts(tags);
  return Object.fromEntries(
    Object.values(latest).map(({ key, value, step, timestamp }): [string, MetricSummary] => {
      const account = accounts.get(key);
      if (account?.step === step && account.timestamp === timestamp) return [key, account];
      return [key, { last: value, step, timestamp }];
    }),
  );
}
