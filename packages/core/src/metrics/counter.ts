import {
  type Bindable,
  type DropReason,
  Family,
  type FamilyContext,
  type FamilyDefinition,
  reasonAgainst,
  type Series,
} from './family';
import { formatValue, sampleStart } from './text';

/** One series of a counter. */
export interface CounterHandle {
  /**
   * Adds to the counter: a plain addition. Never throws: an amount that is negative, not finite or no number is left
   * out and counted in `fairlead_metrics_dropped_total`.
   * @param amount 0 or more. @default 1
   */
  inc(amount?: number): void;
  /** What was added since the series was bound. */
  readonly value: number;
}

/** A family of values that only grow. Written as `<name>_total`, with the time of its first binding as `<name>_created`. */
export interface Counter<L extends string = never> extends Bindable<CounterHandle, L> {
  readonly type: 'counter';
}

export class CounterSeries implements CounterHandle, Series {
  readonly #drop: (reason: DropReason) => void;
  readonly #start: string;
  readonly #createdLine: string;
  #value = 0;

  constructor(name: string, block: string, createdSeconds: number, drop: (reason: DropReason) => void) {
    this.#drop = drop;
    this.#start = sampleStart(`${name}_total`, block);
    this.#createdLine = `${sampleStart(`${name}_created`, block)}${formatValue(createdSeconds)}\n`;
  }

  inc(amount = 1): void {
    if (typeof amount === 'number' && amount >= 0 && amount < Number.POSITIVE_INFINITY) this.#value += amount;
    else this.#drop(reasonAgainst(amount));
  }

  get value(): number {
    return this.#value;
  }

  text(created: boolean): string {
    const total = `${this.#start}${formatValue(this.#value)}\n`;
    return created ? total + this.#createdLine : total;
  }
}

/** A counter as its registry makes it. */
export class CounterFamily<L extends string> extends Family<CounterSeries, L> implements Counter<L> {
  declare readonly type: 'counter';

  constructor(definition: FamilyDefinition, { createdSeconds, drop, fold }: FamilyContext) {
    const create = (block: string) => new CounterSeries(definition.name, block, createdSeconds(), drop);
    super(definition, create, { onBind: fold });
  }
}
