import { type ByteWriter, lineFeed, pieceOf } from './byte-writer';
import { type Exemplar, exemplarValues, type KeptExemplar, keepExemplar, takeExemplar } from './exemplar';
import {
  type Bindable,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  type LoadableSeries,
  reasonAgainst,
} from './family';
import { fromJsonNumber, type SeriesValues, toJsonNumber } from './snapshot';
import { canonicalNumber, createdLine, sampleStart, withLabel } from './text';

/** One series of a histogram. */
export interface HistogramHandle {
  /**
   * Counts a value in its bucket, without allocating. Never throws: a value that is not finite or no number, or that is
   * negative while every bound is 0 or more (the sum could then shrink, which OpenMetrics forbids), is left out and
   * counted in `fairlead_metrics_dropped_total`.
   * @param exemplar an example of what was observed, shown by OpenMetrics beside its bucket until the next one of that
   * bucket is given. One that is not legal is left out and counted as dropped; the value is counted all the same.
   */
  observe(value: number, exemplar?: Exemplar): void;
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

export class HistogramSeries implements HistogramHandle, LoadableSeries {
  readonly #name: string;
  readonly #block: string;
  readonly #context: FamilyContext;
  readonly #bounds: Float64Array;
  /** Values in each bucket, not cumulated; the last one is +Inf. */
  readonly #counts: Float64Array;
  /** What a value must reach: 0 where no bound is negative. */
  readonly #floor: number;
  #created: number | undefined;
  #sum = 0;
  /** The latest of each bucket, once there is one. */
  #exemplars: (KeptExemplar | undefined)[] | undefined;
  #lines: HistogramLines | undefined;

  constructor(name: string, block: string, bounds: Float64Array, context: FamilyContext) {
    this.#name = name;
    this.#block = block;
    this.#context = context;
    this.#created = context.epochMs() / 1000;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
    this.#floor = (bounds[0] ?? 0) < 0 ? -Number.MAX_VALUE : 0;
  }

  observe(value: number, exemplar?: Exemplar): void {
    if (!this.#takes(value)) return;
    const bucket = this.#bucketOf(value);
    (this.#counts[bucket] as number) += 1;
    this.#sum += value;
    if (exemplar !== undefined) this.#keep(bucket, value, exemplar);
  }

  observeTimes(value: number, times: number): void {
    if (!(Number.isSafeInteger(times) && times >= 0)) {
      this.#context.drop(reasonAgainst(times));
      return;
    }
    if (!this.#takes(value)) return;
    (this.#counts[this.#bucketOf(value)] as number) += times;
    this.#sum += value * times;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  get sum(): number {
    return this.#sum;
  }

  write(out: ByteWriter, openMetrics: boolean): void {
    this.#lines ??= this.#makeLines();
    const { buckets, count, sum, ending } = this.#lines;
    const exemplars = openMetrics ? this.#exemplars : undefined;
    const counts = this.#counts;
    let total = 0;
    for (let index = 0; index < buckets.length; index++) {
      total += counts[index] as number;
      out.piece(buckets[index] as Uint8Array);
      out.number(total);
      const exemplar = exemplars?.[index];
      if (exemplar !== undefined) out.text(exemplar.text);
    }
    // A sum of signed values can shrink, so it is no counter and may not be written; `_count` goes only with `_sum`. Another
    // library may have let negative values in where no bound is negative.
    if (this.#floor === 0 && this.#sum >= 0) {
      out.piece(count);
      out.number(total);
      out.piece(sum);
      out.number(this.#sum);
    }
    out.piece(openMetrics ? ending : lineFeed);
  }

  values(): SeriesValues {
    const exemplars = this.#exemplars;
    return {
      counts: [...this.#counts],
      sum: toJsonNumber(this.#sum),
      ...(this.#created !== undefined && { created: this.#created }),
      ...(exemplars && {
        exemplars: Array.from(this.#counts, (_, index) => {
          const kept = exemplars[index];
          return kept ? exemplarValues(kept) : null;
        }),
      }),
    };
  }

  load({ counts, sum, created, exemplars }: SeriesValues): void {
    this.#counts.set(counts ?? []);
    this.#sum = fromJsonNumber(sum);
    this.#created = created;
    this.#exemplars = exemplars?.map((exemplar) => (exemplar === null ? undefined : keepExemplar(exemplar)));
  }

  #takes(value: number): boolean {
    if (typeof value === 'number' && value >= this.#floor && value < Number.POSITIVE_INFINITY) return true;
    this.#context.drop(reasonAgainst(value));
    return false;
  }

  #bucketOf(value: number): number {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #keep(bucket: number, value: number, exemplar: Exemplar): void {
    const kept = takeExemplar(exemplar, value, this.#context.epochMs);
    if (kept === undefined) {
      this.#context.drop('invalid_exemplar');
      return;
    }
    this.#exemplars ??= new Array<undefined>(this.#counts.length).fill(undefined);
    this.#exemplars[bucket] = kept;
  }

  #makeLines(): HistogramLines {
    const starts = bucketStarts(this.#name, this.#block, this.#bounds);
    return {
      buckets: starts.map((start, index) => pieceOf(index === 0 ? start : `\n${start}`)),
      count: pieceOf(`\n${sampleStart(`${this.#name}_count`, this.#block)}`),
      sum: pieceOf(`\n${sampleStart(`${this.#name}_sum`, this.#block)}`),
      ending: pieceOf(createdLine(sampleStart(`${this.#name}_created`, this.#block), this.#created)),
    };
  }
}

/** The parts of a series' lines that never change; all but the first begin with the line feed of the line before. */
interface HistogramLines {
  readonly buckets: readonly Uint8Array[];
  readonly count: Uint8Array;
  readonly sum: Uint8Array;
  readonly ending: Uint8Array;
}

/** A histogram as its registry makes it. */
export class HistogramFamily<L extends string> extends Family<HistogramSeries, L> implements Histogram<L> {
  declare readonly type: 'histogram';
  override readonly buckets: readonly number[];

  constructor(definition: FamilyDefinition, context: FamilyContext, buckets: readonly number[]) {
    const bounds = Float64Array.from(buckets);
    const create = (block: string) => new HistogramSeries(definition.name, block, bounds, context);
    super(definition, create, { onBind: context.fold });
    this.buckets = buckets;
  }
}
