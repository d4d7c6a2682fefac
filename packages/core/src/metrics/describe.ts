import type { MetricType } from './names';

/** How the gauges of several processes become one. */
export type GaugeAggregation = 'sum' | 'max' | 'min' | 'last' | 'by-process';

/** What a family is, without its values: what a generator of dashboards or alert rules needs to know. */
export interface FamilyDescription {
  /** The full name, with the registry's prefix and without `_total`, `_info`, `_bucket`, … */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** The unit, with which the name ends; empty where there is none. */
  readonly unit: string;
  /** Names of the labels of a series, without those that the family writes itself (`le`, `quantile`, a state set's own). */
  readonly labels: readonly string[];
  /** Of a gauge: how the values of several processes become one. */
  readonly aggregation?: GaugeAggregation;
  /** Of a histogram or gauge histogram: its upper bounds, ascending, without +Inf. */
  readonly buckets?: readonly number[];
  /** Of a summary: its quantiles, from 0 to 1. */
  readonly quantiles?: readonly number[];
  /** Of a state set: its states. */
  readonly states?: readonly string[];
}

/** What a description is made of. */
interface Described extends Omit<FamilyDescription, 'labels'> {
  readonly labelNames: readonly string[];
}

/** Describes a family in a plain object of its own. */
export function describeFamily(family: Described): FamilyDescription {
  const { name, type, help, unit, labelNames, aggregation, buckets, quantiles, states } = family;
  return {
    name,
    type,
    help,
    unit,
    labels: [...labelNames],
    ...(aggregation && { aggregation }),
    ...(buckets && { buckets: [...buckets] }),
    ...(quantiles && { quantiles: [...quantiles] }),
    ...(states && { states: [...states] }),
  };
}
