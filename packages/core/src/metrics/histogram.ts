import {
  type Bindable,
  type DropReason,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  reasonAgainst,
  type Series,
} from './family';
import { canonicalNumber, formatValue, sampleStart, withLabel } from './text';

/** One series of a histogram. */
export interface HistogramHandle {
  /**
   * Counts a value in its bucket, without allocating. Never throws: a value that is not finite or no number, or that is
   * negative while every bound is 0 or more (the sum could then shrink, which OpenMetrics forbids), is left out and
   * counted in `fairlead_metrics_dropped_total`.
   */
  observe(value: number): void;
  /**
   * Counts a value that was seen so many times, at the cost of one. Like `observe`, it never throws.
   * @param times a whole number, 0 or more; anything else is left out and counted as dropped
   */
  observeTimes(value: number, times: number): void;
  /** Values observed. */
  readonly count: number;
  /** Sum of the values observed. */
  readonly sum: number;
}

/** A family of distributions. Written as cumulative buckets, and `_count` and `_sum` where no bound is negative. */
export interface Histogram<L extends string = never> extends Bindable<HistogramHandle, L> {
  readonly type: 'histogram';
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[];
}

/** The start of each bucket's line: name, labels and `le`, from the lowest bound to +Inf. */
export function bucketStarts(name: string, block: string, bounds: Float64Array): string[] {
  return [...bounds, Number.POSITIVE_INFINITY].map((bound) =>
    sampleStart(`${name}_bucket`, withLabel(block, 'le', canonicalNumber(bound))),
  );
}

export class HistogramSeries implements HistogramHandle, Series {
  readonly #name: string;
  readonly #block: string;
  readonly #created: number;
  readonly #drop: (reason: DropReason) => void;
  readonly #bounds: Float64Array;
  /** Values in each bucket, not cumulated; the last one is +Inf. */
  readonly #counts: Float64Array;
  /** What a value must reach: 0 where no bound is negative. */
  readonly #floor: number;
  #sum = 0;
  #lines: HistogramLines | undefined;

  constructor(
    name: string,
    block: string,
    bounds: Float64Array,
    createdSeconds: number,
    drop: (reason: DropReason) => void,
  ) {
    this.#name = name;
    this.#block = block;
    this.#created = createdSeconds;
    this.#drop = drop;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
    this.#floor = (bounds[0] ?? 0) < 0 ? -Number.MAX_VALUE : 0;
  }

  observe(value: number): void {
    this.observeTimes(value, 1);
  }

  observeTimes(value: number, times: number): void {
    if (!(Number.isSafeInteger(times) && times >= 0)) {
      this.#drop(reasonAgainst(times));
      return;
    }
    if (!(typeof value === 'number' && value >= this.#floor && value < Number.POSITIVE_INFINITY)) {
      this.#drop(reasonAgainst(value));
      return;
    }
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    (this.#counts[low] as number) += times;
    this.#sum += value * times;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  get sum(): number {
    return this.#sum;
  }

  text(created: boolean): string {
    this.#lines ??= this.#makeLines();
    const { buckets, count, sum, createdLine } = this.#lines;
    let text = '';
    let total = 0;
    for (let index = 0; index < buckets.length; index++) {
      total += this.#counts[index] as number;
      text += `${buckets[index]}${total}\n`;
    }
    // A sum of signed values can shrink, so it is no counter and may not be written; `_count` goes only with `_sum`.
    if (this.#floor === 0) text += `${count}${total}\n${sum}${formatValue(this.#sum)}\n`;
    return created ? text + createdLine : text;
  }

  #makeLines(): HistogramLines {
    return {
      buckets: bucketStarts(this.#name, this.#block, this.#bounds),
      count: sampleStart(`${this.#name}_count`, this.#block),
      sum: sampleStart(`${this.#name}_sum`, this.#block),
      createdLine: `${sampleStart(`${this.#name}_created`, this.#block)}${formatValue(this.#created)}\n`,
    };
  }
}

/** The parts of a series' lines that never change. */
interface HistogramLines {
  readonly buckets: readonly string[];
  readonly count: string;
  readonly sum: string;
  readonly createdLine: string;
}

/** A histogram as its registry makes it. */
export class HistogramFamily<L extends string> extends Family<HistogramSeries, L> implements Histogram<L> {
  declare readonly type: 'histogram';
  readonly buckets: readonly number[];

  constructor(definition: FamilyDefinition, { createdSeconds, drop, fold }: FamilyContext, buckets: readonly number[]) {
    const bounds = Float64Array.from(buckets);
    const create = (block: string) => new HistogramSeries(definition.name, block, bounds, createdSeconds(), drop);
    super(definition, create, { onBind: fold });
    this.buckets = buckets;
  }
}
