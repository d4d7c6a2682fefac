import { FairleadError } from '../errors';
import { type ByteWriter, lineFeed, pieceOf } from './byte-writer';
import {
  type Bindable,
  type DropReason,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  type LoadableSeries,
} from './family';
import { bucketStarts } from './histogram';
import { fromJsonNumber, type SeriesValues, toJsonNumber } from './snapshot';
import { sampleStart } from './text';

/** One series of a gauge histogram. */
export interface GaugeHistogramHandle {
  /**
   * Replaces the distribution.
   * @param counts how many values lie in each bucket, not cumulated: whole numbers of 0 or more, one for each bound and
   * a last one for what lies above them all. Copied.
   * @param sum the sum of the values; negative only where a bound is negative
   * @throws FairleadError `INVALID_ARGUMENT`
   */
  set(counts: ArrayLike<number>, sum: number): void;
}

/** A family of distributions that are measured anew, such as that of a feature in a window; values may be signed. */
export interface GaugeHistogram<L extends string = never> extends Bindable<GaugeHistogramHandle, L> {
  readonly type: 'gaugehistogram';
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[];
}

export class GaugeHistogramSeries implements GaugeHistogramHandle, LoadableSeries {
  readonly #name: string;
  readonly #starts: readonly Uint8Array[];
  readonly #countStart: Uint8Array;
  readonly #sumStart: Uint8Array;
  readonly #counts: Float64Array;
  readonly #signed: boolean;
  readonly #drop: (reason: DropReason) => void;
  readonly #detached: boolean;
  #sum = 0;

  /** @param detached whether the series is past the cap, so that every write is dropped */
  constructor(
    name: string,
    block: string,
    bounds: Float64Array,
    drop: (reason: DropReason) => void,
    detached: boolean,
  ) {
    this.#name = name;
    this.#starts = bucketStarts(name, block, bounds).map(pieceOf);
    this.#countStart = pieceOf(sampleStart(`${name}_gcount`, block));
    this.#sumStart = pieceOf(`\n${sampleStart(`${name}_gsum`, block)}`);
    this.#counts = new Float64Array(bounds.length + 1);
    this.#signed = (bounds[0] ?? 0) < 0;
    this.#drop = drop;
    this.#detached = detached;
  }

  set(counts: ArrayLike<number>, sum: number): void {
    const buckets = this.#counts.length;
    if (counts.length !== buckets) throw this.#wrong('counts', `${buckets} counts`, `${counts.length}`);
    for (let index = 0; index < buckets; index++) {
      const count = counts[index];
      if (!Number.isSafeInteger(count) || (count as number) < 0) {
        throw this.#wrong(`counts.${index}`, 'a whole number of 0 or more', String(count));
      }
    }
    if (!Number.isFinite(sum)) throw this.#wrong('sum', 'a finite number', String(sum));
    if (sum < 0 && !this.#signed) {
      throw this.#wrong('sum', '0 or more, because no bucket has a negative bound', String(sum));
    }
    if (this.#detached) {
      this.#drop('series_limit');
      return;
    }
    this.#counts.set(counts);
    this.#sum = sum;
  }

  write(out: ByteWriter): void {
    let total = 0;
    for (let index = 0; index < this.#starts.length; index++) {
      total += this.#counts[index] as number;
      out.piece(this.#starts[index] as Uint8Array);
      out.number(total);
      out.piece(lineFeed);
    }
    // Sums that overflowed in two processes, one each way, are no number together, and `_gcount` goes only with `_gsum`.
    if (!(this.#sum >= 0 || (this.#signed && this.#sum < 0))) return;
    out.piece(this.#countStart);
    out.number(total);
    out.piece(this.#sumStart);
    out.number(this.#sum);
    out.piece(lineFeed);
  }

  values(): SeriesValues {
    return { counts: [...this.#counts], sum: toJsonNumber(this.#sum) };
  }

  load({ counts, sum }: SeriesValues): void {
    this.#counts.set(counts ?? []);
    this.#sum = fromJsonNumber(sum);
  }

  #wrong(field: string, expected: string, given: string): FairleadError {
    return new FairleadError(
      'INVALID_ARGUMENT',
      `${this.#name}: "${field}" is wrong: expected ${expected}, given ${given}.`,
      {
        details: { field, expected, given },
      },
    );
  }
}

/** A gauge histogram as its registry makes it. */
export class GaugeHistogramFamily<L extends string>
  extends Family<GaugeHistogramSeries, L>
  implements GaugeHistogram<L>
{
  declare readonly type: 'gaugehistogram';
  override readonly buckets: readonly number[];

  constructor(definition: FamilyDefinition, { drop }: FamilyContext, buckets: readonly number[]) {
    const bounds = Float64Array.from(buckets);
    const create = (block: string) => new GaugeHistogramSeries(definition.name, block, bounds, drop, false);
    super(definition, create, { detached: new GaugeHistogramSeries(definition.name, '', bounds, drop, true) });
    this.buckets = buckets;
  }
}
