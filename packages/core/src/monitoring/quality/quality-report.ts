import type { ModelInfo } from '../../runner/runner';

/** What a monitor says about a rule, or about all of them: the worst. */
export type QualityState = 'ok' | 'warning' | 'failed';

/** Rows that went by and were not checked, by reason. */
export interface UncheckedRows {
  /** Left out to stay within `maxCpuShare`. */
  readonly budget: number;
  /** In batches that do not fit the schema: another input, dtype, width or number of rows. */
  readonly rejected: number;
  /** Answered by a model that is no longer the current one. */
  readonly otherModel: number;
}

/** One rule on one field, in numbers. */
export interface CheckSnapshot {
  /** The rule's name. */
  readonly rule: string;
  /** The field; of several, their names joined by `,`; for rows without event times `row`. */
  readonly feature: string;
  readonly state: QualityState;
  /** Values that broke it, since the monitor began. */
  readonly violations: number;
  /** Values that were tested, since the monitor began. */
  readonly tested: number;
}

/** One freshness rule, in numbers. */
export interface FreshnessSnapshot {
  readonly rule: string;
  readonly feature: string;
  /** Milliseconds since the newest event time, or since the last row; since the monitor began where there was none. */
  readonly ageMs: number;
  readonly maxAgeMs: number;
}

/** The state of a quality monitor in numbers, for metrics. */
export interface QualitySnapshot {
  readonly state: QualityState;
  /** The model that is watched; `null` without a runner. */
  readonly model: ModelInfo | null;
  /** Rows that went by. */
  readonly rowsSeen: number;
  /** Rows that were checked. */
  readonly rowsChecked: number;
  readonly rowsUnchecked: UncheckedRows;
  /** Full windows that were decided. */
  readonly windows: number;
  /** Calls of a rule's own `test` that threw. */
  readonly testErrors: number;
  /** Part of the time that was spent, 0 to 1. */
  readonly cpuShare: number;
  readonly checks: readonly CheckSnapshot[];
  readonly freshness: readonly FreshnessSnapshot[];
}

/** A violation that was kept to look at. */
export interface QualityExample {
  /** The value in words, cut, or what `redact` made of it. */
  readonly value: string;
  /** Number of the row among those seen, from 1. */
  readonly row: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atMs: number;
}

/** One rule on one field, with what it goes by. */
export interface CheckReport extends CheckSnapshot {
  /** Largest share of violations that is all right. */
  readonly tolerance: number;
  /** The last full window: values tested, violations, and the probability of as many by chance. `null` before there was one. */
  readonly lastWindow: { readonly tested: number; readonly violations: number; readonly pValue: number } | null;
  /** The window that is being filled. */
  readonly window: { readonly tested: number; readonly violations: number };
  /** The latest violations that were kept. */
  readonly examples: readonly QualityExample[];
}

/** Everything a quality monitor knows: plain data, worst first. */
export interface QualityReport extends Omit<QualitySnapshot, 'checks'> {
  readonly windowRows: number;
  readonly meanTimeBetweenFalseAlarms: number;
  /** p-value of a window at or below which a rule fails: the same for every rule. */
  readonly failureLevel: number;
  /** Failed rules first, then by the share of violations. */
  readonly checks: readonly CheckReport[];
}
