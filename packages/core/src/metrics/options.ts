import * as z from 'zod/mini';
import type { Clock } from '../clock';
import type { Logger } from '../logger';
import type { GaugeAggregation } from './describe';

/** Options of `createRegistry`. */
export interface RegistryOptions {
  /** Put before the name of every family, for example `shop_`. @default '' */
  readonly prefix?: string;
  /** Dates `_created` and exemplars, and slides the windows of summaries. @default systemClock */
  readonly clock?: Clock;
  /** Hears of collect callbacks that throw. @default consoleLogger */
  readonly logger?: Logger;
  /** Most series of each family, 1 or more. @default 2000 */
  readonly maxSeries?: number;
}

/** What every family is registered with. */
export interface FamilyOptions<L extends string> {
  /** The name without the registry's prefix: a letter, then letters, digits and underscores. */
  readonly name: string;
  /** What the family means, in a sentence for whoever reads the dashboard. */
  readonly help: string;
  /** Names of the labels; every series gives a value to each. @default [] */
  readonly labels?: readonly L[];
  /** Most series of this family, 1 or more. @default the registry's `maxSeries` */
  readonly maxSeries?: number;
}

/** What a counter or gauge is registered with. */
export interface MeasureOptions<L extends string> extends FamilyOptions<L> {
  /** A base unit such as `seconds` or `bytes`, with which the name must end. @default none */
  readonly unit?: string;
}

/** What a gauge is registered with. */
export interface GaugeOptions<L extends string> extends MeasureOptions<L> {
  /**
   * How the gauges of several processes become one when their snapshots are merged: their sum, the largest or smallest
   * value, the one that was set last, or one series for each process, told by the label `process`. @default 'sum'
   */
  readonly aggregation?: GaugeAggregation;
}

/** What a summary is registered with. */
export interface SummaryOptions<L extends string> extends MeasureOptions<L> {
  /** Which quantiles are shown, from 0 to 1, ascending. @default [0.5, 0.9, 0.99] */
  readonly quantiles?: readonly number[];
  /** Milliseconds that the quantiles look back, 60 or more; they slide by a sixth of it. @default 600000 (10 min) */
  readonly windowMs?: number;
}

/** What a histogram or gauge histogram is registered with. */
export interface BucketOptions<L extends string> extends MeasureOptions<L> {
  /** Upper bounds of the buckets, finite and ascending; +Inf is added. @default durationBuckets */
  readonly buckets?: readonly number[];
}

/** What a state set is registered with. */
export interface StateSetOptions<State extends string, L extends string> extends FamilyOptions<L> {
  /** The states, of which the first holds to begin with. At least one. */
  readonly states: readonly State[];
}

const nonEmpty = z.string().check(z.minLength(1, 'some text'));
const limit = z.number().check(z.minimum(1));

const familyFields = {
  name: z.string(),
  help: nonEmpty,
  labels: z.optional(z.array(z.string())),
  maxSeries: z.optional(limit),
};

/** The shape of each factory's options; names, labels, bounds and states are checked by names.ts. */
export const schemas = {
  registry: z.strictObject({
    prefix: z.optional(z.string()),
    clock: z.optional(z.custom<Clock>((value) => hasMethod(value, 'epochMs') && hasMethod(value, 'now'), 'a clock')),
    logger: z.optional(z.custom<Logger>((value) => hasMethod(value, 'error'), 'a logger')),
    maxSeries: z.optional(limit),
  }),
  plain: z.strictObject(familyFields),
  measure: z.strictObject({ ...familyFields, unit: z.optional(nonEmpty) }),
  gauge: z.strictObject({
    ...familyFields,
    unit: z.optional(nonEmpty),
    aggregation: z.optional(z.enum(['sum', 'max', 'min', 'last', 'by-process'])),
  }),
  summary: z.strictObject({
    ...familyFields,
    unit: z.optional(nonEmpty),
    quantiles: z.optional(z.array(z.number()).check(z.minLength(1))),
    windowMs: z.optional(z.number().check(z.minimum(60))),
  }),
  buckets: z.strictObject({
    ...familyFields,
    unit: z.optional(nonEmpty),
    buckets: z.optional(z.array(z.number().check(z.refine(Number.isFinite, 'a finite number'))).check(z.minLength(1))),
  }),
  states: z.strictObject({ ...familyFields, states: z.array(z.string()).check(z.minLength(1, 'at least one state')) }),
};

function hasMethod(value: unknown, method: string): boolean {
  return (
    typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[method] === 'function'
  );
}
