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
import { createdLine, sampleStart } from './text';

/** One series of a counter. */
export interface CounterHandle {
  /**
   * Adds to the counter: a plain addition. Never throws: an amount that is negative, not finite or no number is left
   * out and counted in `fairlead_metrics_dropped_total`.
   * @param amount 0 or more. @default 1
   * @param exemplar an example of what was counted, shown by OpenMetrics until the next one is given. One that is not
   * legal is left out and counted as dropped; the amount is added all the same.
   */
  inc(amount?: number, exemplar?: Exemplar): void;
  /** What was added since the series was bound. */
  readonly value: number;
}

/** A family of values that only grow. Written as `<name>_total`, with the time of its first binding as `<name>_created`. */
export interface Counter<L extends string = never> extends Bindable<CounterHandle, L> {
  readonly type: 'counter';
}

export class CounterSeries implements CounterHandle, LoadableSeries {
  readonly #context: FamilyContext;
  readonly #start: Uint8Array;
  readonly #createdStart: string;
  #created: number | undefined;
  #ending: Uint8Array;
  #value = 0;
  #exemplar: KeptExemplar | undefined;

  constructor(name: string, block: string, context: FamilyContext) {
    this.#context = context;
    this.#created = context.epochMs() / 1000;
    this.#start = pieceOf(sampleStart(`${name}_total`, block));
    this.#createdStart = sampleStart(`${name}_created`, block);
    this.#ending = pieceOf(createdLine(this.#createdStart, this.#created));
  }

  inc(amount = 1, exemplar?: Exemplar): void {
    if (typeof amount === 'number' && amount >= 0 && amount < Number.POSITIVE_INFINITY) {
      this.#value += amount;
      if (exemplar !== undefined) this.#keep(amount, exemplar);
    } else this.#context.drop(reasonAgainst(amount));
  }

  get value(): number {
    return this.#value;
  }

  write(out: ByteWriter, openMetrics: boolean): void {
    out.piece(this.#start);
    out.number(this.#value);
    if (openMetrics && this.#exemplar !== undefined) out.text(this.#exemplar.text);
    out.piece(openMetrics ? this.#ending : lineFeed);
  }

  values(): SeriesValues {
    return {
      value: toJsonNumber(this.#value),
      ...(this.#created !== undefined && { created: this.#created }),
      ...(this.#exemplar && { exemplar: exemplarValues(this.#exemplar) }),
    };
  }

  load({ value, created, exemplar }: SeriesValues): void {
    this.#value = fromJsonNumber(value);
    this.#created = created;
    this.#ending = pieceOf(createdLine(this.#createdStart, created));
    this.#exemplar = exemplar && keepExemplar(exemplar);
  }

  #keep(amount: number, exemplar: Exemplar): void {
    const kept = takeExemplar(exemplar, amount, this.#context.epochMs);
    if (kept === undefined) this.#context.drop('invalid_exemplar');
    else this.#exemplar = kept;
  }
}

/** A counter as its registry makes it. */
export class CounterFamily<L extends string> extends Family<CounterSeries, L> implements Counter<L> {
  declare readonly type: 'counter';

  constructor(definition: FamilyDefinition, context: FamilyContext) {
    super(definition, (block) => new CounterSeries(definition.name, block, context), { onBind: context.fold });
  }
}
