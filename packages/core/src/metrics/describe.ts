import type { MetricFamily } from './family';
import type { MetricType } from './names';

/** What a family is, without its values: what a generator of dashboards or alert rules needs to know. */
export interface FamilyDescription {
  /** The full name, with the registry's prefix and without `_total`, `_info`, `_bucket`, … */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** The unit, with which the name ends; empty where there is none. */
  readonly unit: string;
  /** Names of the labels that every series has, without those the family writes itself (`le`, a state set's own). */
  readonly labels: readonly string[];
  /** Of a state set: its states. */
  readonly states?: readonly string[];
  /** Of a histogram or gauge histogram: its upper bounds, ascending, without +Inf. */
  readonly buckets?: readonly number[];
}

/** Describes a family in a plain object of its own. */
export function describeFamily(family: MetricFamily): FamilyDescription {
  const { name, type, help, unit, labelNames, states, buckets } = family;
  return {
    name,
    type,
    help,
    unit,
    labels: [...labelNames],
    ...(states && { states: [...states] }),
    ...(buckets && { buckets: [...buckets] }),
  };
}
