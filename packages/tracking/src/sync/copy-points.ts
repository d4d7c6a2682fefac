import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import { streamRunPoints } from '../run-points';
import type { MetricHistory, PointColumns, RunStore, StoredRun } from '../store/run-store';
import { PointHash, type PointMark, pointText } from './point-mark';

/** Points that go out at once; as many are sent again when a copy breaks off. */
const pointsAtOnce = 8192;
/** How often a run is read that is rewritten meanwhile, as it is when it is compacted. */
const attempts = 3;

/** The other side of a copy of points. */
export interface PointTarget {
  /** How much of each metric is there. */
  readonly marks: Map<string, PointMark>;
  /**
   * Every point of a metric that is there. Absent where it costs too much: such a target keeps equal points once, so that
   * they can be sent again.
   */
  readonly history?: (key: string) => Promise<MetricHistory>;
  /** Sends points, and resolves once they are safe there. The arrays are the caller's again then. */
  send(points: PointColumns): Promise<void>;
  /** Called after each `send`, when `marks` says what is there now. */
  onSent(points: number): Promise<void>;
}

/** A metric as it passes by. */
interface Passing {
  readonly key: string;
  readonly mark: PointMark | undefined;
  readonly hash: PointHash;
  /** What is there of a metric whose beginning is another: points and how often. */
  readonly present: Map<string, number> | undefined;
  /** Its number in the batch that is being filled. */
  id: number;
  broken: boolean;
}

/** Points that wait to be sent. */
class Batch {
  readonly #keyIds = new Uint16Array(pointsAtOnce);
  readonly #steps = new Float64Array(pointsAtOnce);
  readonly #timestamps = new Float64Array(pointsAtOnce);
  readonly #values = new Float64Array(pointsAtOnce);
  readonly #metrics: Passing[] = [];
  count = 0;

  get isFull(): boolean {
    return this.count === pointsAtOnce;
  }

  add(metric: Passing, step: number, timestamp: number, value: number): void {
    if (metric.id < 0) metric.id = this.#metrics.push(metric) - 1;
    this.#keyIds[this.count] = metric.id;
    this.#steps[this.count] = step;
    this.#timestamps[this.count] = timestamp;
    this.#values[this.count] = value;
    this.count++;
  }

  async send(target: PointTarget): Promise<void> {
    const { count } = this;
    if (count === 0) return;
    await target.send({
      count,
      keys: this.#metrics.map((metric) => metric.key),
      keyIds: this.#keyIds,
      steps: this.#steps,
      timestamps: this.#timestamps,
      values: this.#values,
    });
    for (const metric of this.#metrics.splice(0)) {
      metric.id = -1;
      if (metric.present === undefined) target.marks.set(metric.key, metric.hash.mark());
    }
    this.count = 0;
    await target.onSent(count);
  }
}

/** Whether a point is there already, once for each time that it is. */
function isPresent(present: Map<string, number>, step: number, timestamp: number, value: number): boolean {
  const text = pointText(step, timestamp, value);
  const times = present.get(text) ?? 0;
  if (times > 0) present.set(text, times - 1);
  return times > 0;
}

/** Whether the next point of a metric has to be sent. */
function isNew(metric: Passing, step: number, timestamp: number, value: number): boolean {
  const { hash, mark, present } = metric;
  hash.add(step, timestamp, value);
  if (metric.broken) return false;
  if (present !== undefined) return !isPresent(present, step, timestamp, value);
  if (mark === undefined || hash.count > mark.count) return true;
  if (hash.count === mark.count) metric.broken = hash.mark().hash !== mark.hash;
  return false;
}

/** Every point of one pass over a run, of which those that are not there are sent. */
class Pass {
  readonly #metrics = new Map<string, Passing>();
  readonly #open: (key: string) => Passing | undefined;
  readonly #batch = new Batch();

  /** @param open what is known of a metric that turns up; `undefined` when it does not matter */
  constructor(open: (key: string) => Passing | undefined) {
    this.#open = open;
  }

  async run(pieces: AsyncIterable<PointColumns>, target: PointTarget, signal: AbortSignal | undefined): Promise<void> {
    for await (const { count, keys, keyIds, steps, timestamps, values } of pieces) {
      throwIfAborted(signal, 'The copy');
      const metrics = keys.map((key) => this.#metricOf(key));
      for (let i = 0; i < count; i++) {
        const metric = metrics[keyIds[i] as number];
        if (metric === undefined) continue;
        const [step, timestamp, value] = [steps[i] as number, timestamps[i] as number, values[i] as number];
        if (!isNew(metric, step, timestamp, value)) continue;
        this.#batch.add(metric, step, timestamp, value);
        if (this.#batch.isFull) await this.#batch.send(target);
      }
    }
    await this.#batch.send(target);
  }

  #metricOf(key: string): Passing | undefined {
    const known = this.#metrics.get(key);
    if (known !== undefined) return known;
    const opened = this.#open(key);
    if (opened !== undefined) this.#metrics.set(key, opened);
    return opened;
  }

  /** The points that passed by, of a metric. */
  countOf(key: string): number {
    return this.#metrics.get(key)?.hash.count ?? 0;
  }

  /** The metrics of which not everything that was sent passed by in the same order. */
  get broken(): readonly string[] {
    return [...this.#metrics.values()]
      .filter(({ broken, mark, hash }) => broken || (mark !== undefined && hash.count < mark.count))
      .map(({ key }) => key);
  }
}

function passing(key: string, mark?: PointMark, present?: Map<string, number>): Passing {
  return { key, mark, hash: new PointHash(), present, id: -1, broken: false };
}

function countPoints({ steps, timestamps, values }: MetricHistory): Map<string, number> {
  const found = new Map<string, number>();
  for (let i = 0; i < steps.length; i++) {
    const text = pointText(steps[i] as number, timestamps[i] as number, values[i] as number);
    found.set(text, (found.get(text) ?? 0) + 1);
  }
  return found;
}

/** The store says that there are more points than it gave. */
function isCutShort(runs: RunStore, run: StoredRun, pass: Pass, keys: readonly string[]): boolean {
  return runs.points !== undefined && keys.some((key) => pass.countOf(key) < (run.metrics[key]?.count ?? 0));
}

/**
 * Sends the points of a run that are not on the other side yet.
 * @param keys the metrics that matter
 * @throws FairleadError `STORE_FAILED` for a run that is rewritten while it is read, again and again; `ABORTED`
 */
export async function copyPoints(
  runs: RunStore,
  run: StoredRun,
  keys: readonly string[],
  target: PointTarget,
  { signal }: CallOptions = {},
): Promise<void> {
  const call = signal === undefined ? {} : { signal };
  const stream = (wanted: ReadonlySet<string>): AsyncIterable<PointColumns> => {
    const metrics = Object.fromEntries(Object.entries(run.metrics).filter(([key]) => wanted.has(key)));
    return streamRunPoints(runs, { ...run, metrics }, call);
  };
  const broken = new Set<string>();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const wanted = new Set(keys.filter((key) => !broken.has(key)));
    // Of a run that is being logged, metrics turn up that it did not have a moment ago: those come with the next copy.
    const first = new Pass((key) => (wanted.has(key) ? passing(key, target.marks.get(key)) : undefined));
    await first.run(stream(wanted), target, signal);
    for (const key of first.broken) broken.add(key);
    if (isCutShort(runs, run, first, [...wanted])) continue;
    if (broken.size === 0) return;
    const present = new Map<string, Map<string, number>>();
    for (const key of broken) {
      target.marks.delete(key);
      if (target.history !== undefined) present.set(key, countPoints(await target.history(key)));
    }
    const second = new Pass((key) => (broken.has(key) ? passing(key, undefined, present.get(key)) : undefined));
    await second.run(stream(broken), target, signal);
    if (!isCutShort(runs, run, second, [...broken])) return;
  }
  throw new FairleadError('STORE_FAILED', `The segments of run ${run.id} go while they are read. Try again.`, {
    details: { field: 'id', given: run.id },
  });
}

/** How much of each metric a store has. */
export async function marksOf(runs: RunStore, run: StoredRun, call: CallOptions = {}): Promise<Map<string, PointMark>> {
  const hashes = new Map<string, PointHash>();
  for await (const { count, keys, keyIds, steps, timestamps, values } of streamRunPoints(runs, run, call)) {
    const columns = keys.map((key) => {
      const hash = hashes.get(key) ?? new PointHash();
      hashes.set(key, hash);
      return hash;
    });
    for (let i = 0; i < count; i++) {
      columns[keyIds[i] as number]?.add(steps[i] as number, timestamps[i] as number, values[i] as number);
    }
  }
  return new Map([...hashes].map(([key, hash]) => [key, hash.mark()]));
}
