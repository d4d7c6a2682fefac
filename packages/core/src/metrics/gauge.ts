import {
  type Bindable,
  type DropReason,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  type Series,
} from './family';
import { formatValue, sampleStart } from './text';

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
}

export class GaugeSeries implements GaugeHandle, Series {
  readonly #drop: (reason: DropReason) => void;
  readonly #detached: boolean;
  readonly #start: string;
  #value = 0;

  /** @param detached whether the series is past the cap, so that every write is dropped */
  constructor(name: string, block: string, drop: (reason: DropReason) => void, detached: boolean) {
    this.#drop = drop;
    this.#detached = detached;
    this.#start = sampleStart(name, block);
  }

  set(value: number): void {
    if (typeof value === 'number' && !this.#detached) this.#value = value;
    else this.#drop(this.#detached ? 'series_limit' : 'not_a_number');
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

  text(): string {
    return `${this.#start}${formatValue(this.#value)}\n`;
  }
}

/** A gauge as its registry makes it. */
export class GaugeFamily<L extends string> extends Family<GaugeSeries, L> implements Gauge<L> {
  declare readonly type: 'gauge';

  constructor(definition: FamilyDefinition, { drop }: FamilyContext) {
    const create = (block: string) => new GaugeSeries(definition.name, block, drop, false);
    super(definition, create, { detached: new GaugeSeries(definition.name, '', drop, true) });
  }
}
