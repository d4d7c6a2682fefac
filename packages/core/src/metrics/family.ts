import type { ByteWriter } from './byte-writer';
import { describeFamily, type GaugeAggregation } from './describe';
import type { MetricType } from './names';
import type { FamilySnapshot, SeriesValues } from './snapshot';
import { type Labels, labelBlock } from './text';

/** Why a value, or an exemplar, was not recorded; a label of `fairlead_metrics_dropped_total`. */
export type DropReason = 'series_limit' | 'negative' | 'not_finite' | 'not_a_number' | 'invalid_exemplar';

/** One labelled series of a family, as the writers of text see it. */
export interface Series {
  /**
   * Writes the sample lines, each with its line feed.
   * @param openMetrics whether `_created` lines and exemplars are among them
   */
  write(out: ByteWriter, openMetrics: boolean): void;
  /** The values as plain data. */
  values(): SeriesValues;
}

/** A series that can be made of plain data again. */
export interface LoadableSeries extends Series {
  /** Takes over what `values()` answered. */
  load(values: SeriesValues): void;
}

/** What is known about a family beside its values. */
export interface MetricFamily {
  /** The full name, with the registry's prefix and without `_total`, `_info`, `_bucket`, … */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** The unit, with which the name ends; empty where there is none. */
  readonly unit: string;
  readonly labelNames: readonly string[];
  /** How many series the family may have before further ones are folded or dropped. */
  readonly maxSeries: number;
  /** Of a gauge: how the values of several processes become one. */
  readonly aggregation?: GaugeAggregation;
  /** Of a histogram or gauge histogram: its upper bounds, ascending, without +Inf. */
  readonly buckets?: readonly number[];
  /** Of a summary: its quantiles, from 0 to 1. */
  readonly quantiles?: readonly number[];
  /** Of a state set: its states. */
  readonly states?: readonly string[];
  /** The family and its series as plain data. */
  snapshot(): FamilySnapshot;
  /** The series, in the order in which they were bound. */
  series(): Iterable<Series>;
}

/** What can be written: a registry, or a snapshot that was restored. */
export interface MetricsSource {
  /** All families, brought up to date. */
  collect(): readonly MetricFamily[];
  /** Waits for what can be brought up to date only by and by. */
  refresh?(): Promise<void>;
}

/** What `bind` takes: nothing for a family without labels, else a value for each label. */
export type BindArguments<L extends string> = [L] extends [never] ? [] : [labels: Labels<L>];

/** A family whose series are bound once and then used without any look-up. */
export interface Bindable<H, L extends string> extends MetricFamily {
  /**
   * The handle of one series, made at the first call and the same one ever after. Bind outside hot paths, keep the handle.
   * Past `maxSeries`, a counter or histogram answers the handle of its `__other__` series and counts that in
   * `fairlead_metrics_folded_total`; any other type answers a handle that records nothing and counts each write in
   * `fairlead_metrics_dropped_total`.
   * @throws FairleadError `INVALID_ARGUMENT` for a missing or unknown label, or a value that is no string
   */
  bind(...labels: BindArguments<L>): H;
  /**
   * Takes a series out of every later exposition; handles of it that are still about write to nobody, so drop them.
   * @returns whether there was such a series
   * @throws FairleadError `INVALID_ARGUMENT` as `bind`
   */
  remove(...labels: BindArguments<L>): boolean;
}

/** What all families of a registry are made with. */
export interface FamilyDefinition {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
  readonly labelNames: readonly string[];
  readonly maxSeries: number;
}

/** What a family gets from the registry that it belongs to. */
export interface FamilyContext {
  /** The present time in milliseconds since 1970-01-01 UTC. */
  epochMs(): number;
  /** Monotonic time in milliseconds. */
  now(): number;
  /** Counts a value that is not recorded. */
  readonly drop: (reason: DropReason) => void;
  /** Counts a binding that is answered by the series of all others. */
  readonly fold: () => void;
}

/** Why a value is no amount that can be added. */
export function reasonAgainst(value: unknown): DropReason {
  if (typeof value !== 'number') return 'not_a_number';
  return Number.isFinite(value) ? 'negative' : 'not_finite';
}

/** How a family treats a series past its cap. */
export interface OverflowRules<S> {
  /** Called for each `bind` past the cap. */
  readonly onBind?: () => void;
  /** The handle that records nothing, for families whose values cannot be added up; without it they fold. */
  readonly detached?: S;
}

/** The value of every label of the series that takes what is past the cap. */
export const otherLabel = '__other__';

/** A family of any type: series by their labels, up to a cap. */
export class Family<S extends LoadableSeries, L extends string> implements Bindable<S, L> {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
  readonly labelNames: readonly string[];
  readonly maxSeries: number;
  declare readonly aggregation?: GaugeAggregation;
  declare readonly buckets?: readonly number[];
  declare readonly quantiles?: readonly number[];
  declare readonly states?: readonly string[];
  readonly #create: (block: string) => S;
  readonly #overflow: OverflowRules<S>;
  readonly #otherBlock: string;
  readonly #series = new Map<string, S>();
  /** The values of the labels of each series, under the same keys. */
  readonly #labelValues = new Map<string, readonly string[]>();
  /** Series that count against the cap: all but the one that takes the overflow. */
  #capped = 0;

  constructor(definition: FamilyDefinition, create: (block: string) => S, overflow: OverflowRules<S>) {
    this.name = definition.name;
    this.type = definition.type;
    this.help = definition.help;
    this.unit = definition.unit;
    this.labelNames = definition.labelNames;
    this.maxSeries = definition.maxSeries;
    this.#create = create;
    this.#overflow = overflow;
    const other = Object.fromEntries(definition.labelNames.map((name) => [name, otherLabel]));
    this.#otherBlock = labelBlock(definition.name, definition.labelNames, other);
  }

  bind(...[labels]: BindArguments<L>): S {
    const given: Readonly<Record<string, string>> = labels ?? {};
    const block = labelBlock(this.name, this.labelNames, given);
    const known = this.#series.get(block);
    if (known !== undefined) return known;
    const isWithin = block === this.#otherBlock || this.#capped < this.maxSeries;
    if (isWithin) return this.#add(block, (name) => given[name] as string);
    this.#overflow.onBind?.();
    const { detached } = this.#overflow;
    return detached ?? this.#series.get(this.#otherBlock) ?? this.#add(this.#otherBlock, () => otherLabel);
  }

  remove(...[labels]: BindArguments<L>): boolean {
    const block = labelBlock(this.name, this.labelNames, labels ?? {});
    const removed = this.#series.delete(block);
    this.#labelValues.delete(block);
    if (removed && block !== this.#otherBlock) this.#capped--;
    return removed;
  }

  series(): Iterable<S> {
    return this.#series.values();
  }

  snapshot(): FamilySnapshot {
    const series = Array.from(this.#series, ([block, each]) => ({
      labels: this.#labelValues.get(block) ?? [],
      ...each.values(),
    }));
    return { ...describeFamily(this), series };
  }

  /** Makes the series of a snapshot, for a family that only shows what was read. */
  restore({ series }: FamilySnapshot): this {
    for (const { labels, ...values } of series) {
      const given = Object.fromEntries(this.labelNames.map((name, index) => [name, labels[index] ?? '']));
      const block = labelBlock(this.name, this.labelNames, given);
      (this.#series.get(block) ?? this.#add(block, (name) => given[name] as string)).load(values);
    }
    return this;
  }

  #add(block: string, labelValue: (labelName: string) => string): S {
    const series = this.#create(block);
    this.#series.set(block, series);
    this.#labelValues.set(block, this.labelNames.map(labelValue));
    if (block !== this.#otherBlock) this.#capped++;
    return series;
  }
}
