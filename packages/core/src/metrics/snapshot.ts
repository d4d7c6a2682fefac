import type { FamilyDescription } from './describe';

/** The label that tells the processes of a gauge apart whose aggregation is `by-process`. */
export const processLabel = 'process';

/** A number as JSON can hold it. */
export type JsonNumber = number | 'NaN' | '+Inf' | '-Inf';

/** An example of what was counted, as a snapshot holds it. */
export interface ExemplarSnapshot {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since 1970-01-01 UTC. */
  readonly timestamp: number;
}

/** The values of a series; which of them there are depends on the type of its family. */
export interface SeriesValues {
  /** Of a counter, histogram or summary: when it began, in seconds since 1970-01-01 UTC. */
  readonly created?: number;
  /** Of a counter or gauge. */
  readonly value?: JsonNumber;
  /** Of a gauge whose aggregation is `last`: when it was set, in milliseconds since 1970-01-01 UTC; 0 for never. */
  readonly setAt?: number;
  /** Of a counter. */
  readonly exemplar?: ExemplarSnapshot;
  /** Of a histogram or gauge histogram: values in each bucket, not cumulated, the last one above all bounds. */
  readonly counts?: readonly number[];
  /** Of a histogram: an example of each bucket, `null` where there is none. */
  readonly exemplars?: readonly (ExemplarSnapshot | null)[];
  /** Of a histogram, gauge histogram or summary. */
  readonly sum?: JsonNumber;
  /** Of a summary: all values observed. */
  readonly count?: number;
  /** Of a summary: what its window holds, as the index of a bin and its count by turns. It adds up. */
  readonly bins?: readonly number[];
  /** Of a summary that another library computed: one value for each quantile. It does not add up. */
  readonly quantileValues?: readonly JsonNumber[];
  /** Of a state set: the state that holds. */
  readonly state?: string;
}

/** A series. */
export interface SeriesSnapshot extends SeriesValues {
  /** The values of the labels, in the order of the family's `labels`. */
  readonly labels: readonly string[];
}

/** A family. */
export interface FamilySnapshot extends FamilyDescription {
  readonly series: readonly SeriesSnapshot[];
}

/** All families of a registry at one moment, as plain data that survives JSON. */
export interface RegistrySnapshot {
  readonly version: 1;
  readonly families: readonly FamilySnapshot[];
}

/** A number as JSON can hold it. */
export function toJsonNumber(value: number): JsonNumber {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** The number that {@link toJsonNumber} wrote. */
export function fromJsonNumber(value: JsonNumber | undefined): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === undefined) return Number.NaN;
  return value === '+Inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}
