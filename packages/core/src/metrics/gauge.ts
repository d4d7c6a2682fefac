import { type ByteWriter, lineFeed, pieceOf } from './byte-writer';
import type { GaugeAggregation } from './describe';
import { type Bindable, Family, type FamilyContext, type FamilyDefinition, type LoadableSeries } from './family';
import { fromJsonNumber, type SeriesValues, toJsonNumber } from './snapshot';
import { sampleStart } from './text';

/** One series of a gauge. No method throws: what is no number is left out and counted in `fairlead_metrics_dropped_total`. */
export interface GaugeHandle {
  /** @param value any number; NaN and infinities are legal here */
  set(value: number): void;
  /** @param amount what to add. @default 1 */
  inc(amount?: number): void;
  /** @param amount what to take away. @default 1 */
  dec(amount?: number): void;
  /** The present value, 0 to begin with. */
  readonly value: number;
}

/** A family of values that go up and down. */
export interface Gauge<L extends string = never> extends Bindable<GaugeHandle, L> {
  readonly type: 'gauge';
  readonly aggregation: GaugeAggregation;
}

export class GaugeSeries implements GaugeHandle, LoadableSeries {
  readonly #context: FamilyContext;
  readonly #detached: boolean;
  readonly #isTimed: boolean;
  readonly #start: Uint8Array;
  #value = 0;
  #setAt = 0;

  /**
   * @param isTimed whether the time of each write is kept
   * @param detached whether the series is past the cap, so that every write is dropped
   */
  constructor(name: string, block: string, context: FamilyContext, isTimed: boolean, detached: boolean) {
    this.#context = context;
    this.#isTimed = isTimed;
    this.#detached = detached;
    this.#start = pieceOf(sampleStart(name, block));
  }

  set(value: number): void {
    if (typeof value !== 'number' || this.#detached) {
      this.#context.drop(this.#detached ? 'series_limit' : 'not_a_number');
      return;
    }
    this.#value = value;
    if (this.#isTimed) this.#setAt = this.#context.epochMs();
  }

  inc(amount = 1): void {
    this.set(typeof amount === 'number' ? this.#value + amount : amount);
  }

  dec(amount = 1): void {
    this.set(typeof amount === 'number' ? this.#value - amount : amount);
  }

  get value(): number {
    return this.#value;
  }

  write(out: ByteWriter): void {
    out.piece(this.#start);
    out.number(this.#value);
    out.piece(lineFeed);
  }

  values(): SeriesValues {
    return { value: toJsonNumber(this.#value), ...(this.#isTimed && { setAt: this.#setAt }) };
  }

  load({ value, setAt }: SeriesValues): void {
    this.#value = fromJsonNumber(value);
    this.#setAt = setAt ?? 0;
  }
}

/** A gauge as its registry makes it. */
export class GaugeFamily<L extends string> extends Family<GaugeSeries, L> implements Gauge<L> {
  declare readonly type: 'gauge';
  override readonly aggregation: GaugeAggregation;

  constructor(definition: FamilyDefinition, context: FamilyContext, aggregation: GaugeAggregation) {
    const { name } = definition;
    const isTimed = aggregation === 'last';
    super(definition, (block) => new GaugeSeries(name, block, context, isTimed, false), {
      detached: new GaugeSeries(name, '', context, isTimed, true),
    });
    this.aggregation = aggregation;
  }
}
