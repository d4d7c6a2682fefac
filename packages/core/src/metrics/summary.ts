import { type ByteWriter, lineFeed, pieceOf } from './byte-writer';
import {
  type Bindable,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  type LoadableSeries,
  reasonAgainst,
} from './family';
import { QuantileBins, quantilesOf } from './quantile-bins';
import { fromJsonNumber, type SeriesValues, toJsonNumber } from './snapshot';
import { canonicalNumber, createdLine, sampleStart, withLabel } from './text';

/** One series of a summary. */
export interface SummaryHandle {
  /**
   * Counts a value, without allocating once values spread no further. Never throws: a value that is negative (OpenMetrics
   * forbids it here), not finite or no number is left out and counted in `fairlead_metrics_dropped_total`.
   */
  observe(value: number): void;
  /** Values observed, ever. */
  readonly count: number;
  /** Sum of the values observed, ever. */
  readonly sum: number;
  /**
   * A quantile of what the window holds: the value of rank ⌈q·n⌉, to within 1/128 of itself (0.8 %). NaN of an empty window.
   * @param q from 0 to 1
   */
  quantile(q: number): number;
}

/**
 * A family of quantiles over a sliding window of time. Written as one sample a quantile, `_count` and `_sum`, of which the
 * latter two never forget. Where quantiles of several processes must add up, take a histogram or merge snapshots.
 */
export interface Summary<L extends string = never> extends Bindable<SummaryHandle, L> {
  readonly type: 'summary';
  /** From 0 to 1, ascending. */
  readonly quantiles: readonly number[];
}

/** How finely the window slides: what is shown covers at least five sixths of it, and at most all. */
const slices = 6;

export class SummarySeries implements SummaryHandle, LoadableSeries {
  readonly #context: FamilyContext;
  readonly #quantiles: readonly number[];
  readonly #sliceMs: number;
  readonly #ring: QuantileBins[] = Array.from({ length: slices }, () => new QuantileBins());
  readonly #starts: readonly Uint8Array[];
  readonly #countStart: Uint8Array;
  readonly #sumStart: Uint8Array;
  readonly #createdStart: string;
  #created: number | undefined;
  #slice: number;
  #count = 0;
  #sum = 0;
  /** What another library computed; then the ring holds nothing. */
  #shown: readonly number[] | undefined;

  constructor(name: string, block: string, quantiles: readonly number[], windowMs: number, context: FamilyContext) {
    this.#context = context;
    this.#quantiles = quantiles;
    this.#sliceMs = windowMs / slices;
    this.#created = context.epochMs() / 1000;
    this.#slice = this.#present();
    this.#starts = quantiles.map((q) => pieceOf(sampleStart(name, withLabel(block, 'quantile', canonicalNumber(q)))));
    this.#countStart = pieceOf(sampleStart(`${name}_count`, block));
    this.#sumStart = pieceOf(`\n${sampleStart(`${name}_sum`, block)}`);
    this.#createdStart = sampleStart(`${name}_created`, block);
  }

  observe(value: number): void {
    if (!(typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY)) {
      this.#context.drop(reasonAgainst(value));
      return;
    }
    this.#count += 1;
    this.#sum += value;
    this.#slide();
    (this.#ring[this.#slice % slices] as QuantileBins).add(value);
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  quantile(q: number): number {
    return quantilesOf(this.#bins(), [q])[0] as number;
  }

  write(out: ByteWriter, openMetrics: boolean): void {
    const shown = this.#shown ?? quantilesOf(this.#bins(), this.#quantiles);
    for (let index = 0; index < shown.length; index++) {
      out.piece(this.#starts[index] as Uint8Array);
      out.number(shown[index] as number);
      out.piece(lineFeed);
    }
    out.piece(this.#countStart);
    out.number(this.#count);
    // Another library may have let negative values in.
    if (this.#sum >= 0) {
      out.piece(this.#sumStart);
      out.number(this.#sum);
    }
    if (openMetrics) out.text(createdLine(this.#createdStart, this.#created));
    else out.piece(lineFeed);
  }

  values(): SeriesValues {
    return {
      count: this.#count,
      sum: toJsonNumber(this.#sum),
      ...(this.#created !== undefined && { created: this.#created }),
      ...(this.#shown === undefined
        ? { bins: [...this.#bins()].flat() }
        : { quantileValues: this.#shown.map(toJsonNumber) }),
    };
  }

  load({ count, sum, created, bins, quantileValues }: SeriesValues): void {
    this.#count = count ?? 0;
    this.#sum = fromJsonNumber(sum);
    this.#created = created;
    if (bins === undefined) {
      // OpenMetrics knows no negative quantile.
      this.#shown = (quantileValues ?? []).map(fromJsonNumber).map((value) => (value < 0 ? Number.NaN : value));
      return;
    }
    const present = this.#ring[this.#slice % slices] as QuantileBins;
    for (let index = 0; index + 1 < bins.length; index += 2) {
      present.addBin(bins[index] as number, bins[index + 1] as number);
    }
  }

  #present(): number {
    return Math.floor(this.#context.now() / this.#sliceMs);
  }

  /** Empties the slices of the ring whose time has come again. */
  #slide(): void {
    const present = this.#present();
    const steps = Math.min(slices, present - this.#slice);
    for (let step = 0; step < steps; step++) (this.#ring[(present - step) % slices] as QuantileBins).clear();
    if (steps > 0) this.#slice = present;
  }

  #bins(): Map<number, number> {
    this.#slide();
    const counts = new Map<number, number>();
    for (const slice of this.#ring) slice.addTo(counts);
    return counts;
  }
}

/** A summary as its registry makes it. */
export class SummaryFamily<L extends string> extends Family<SummarySeries, L> implements Summary<L> {
  declare readonly type: 'summary';
  override readonly quantiles: readonly number[];

  constructor(definition: FamilyDefinition, context: FamilyContext, quantiles: readonly number[], windowMs: number) {
    const create = (block: string) => new SummarySeries(definition.name, block, quantiles, windowMs, context);
    super(definition, create, { onBind: context.fold });
    this.quantiles = quantiles;
  }
}
