/** A bound on a metric. NaN and a value that is missing never pass. */
export interface MetricGate {
  readonly kind: 'metric';
  /** The name of the metric. */
  readonly metric: string;
  /**
   * Take the value from the version's latest evaluation on the dataset of this name or digest. For a comparison both
   * versions must have been evaluated on the same digest. @default the latest value, from wherever
   */
  readonly dataset?: string;
  /** Smallest value that passes. */
  readonly min?: number;
  /** Largest value that passes. */
  readonly max?: number;
  /** Smallest difference (value less that of the version that the alias points to now) that passes; 0: no lower. */
  readonly minChange?: number;
  /** Largest such difference that passes; 0: no higher. */
  readonly maxChange?: number;
  /** Smallest quotient (value divided by that of the version that the alias points to now) that passes. */
  readonly minRatio?: number;
  /** Largest such quotient that passes. */
  readonly maxRatio?: number;
}

/** An evaluation must have been recorded. */
export interface EvaluationGate {
  readonly kind: 'evaluation';
  /** On the dataset of this name or digest. @default any, or none */
  readonly dataset?: string;
  /** It has a number, not NaN, for each of these. @default none */
  readonly metrics?: readonly string[];
}

/** People or systems must have approved, each counted once; the author of the version does not count. */
export interface ApprovalsGate {
  readonly kind: 'approvals';
  /** How many. 1 or more. */
  readonly count: number;
  /** What is approved, such as `safety`: the votes of one gate do not count for another. @default 'approval' */
  readonly gate?: string;
  /** Only votes of these count. @default everybody's */
  readonly actors?: readonly string[];
}

/** What a version must meet before an alias moves to it, as it can be kept with the alias. */
export type Gate = MetricGate | EvaluationGate | ApprovalsGate;

/** What a gate said. */
export interface GateResult {
  /** Which gate, such as `metric accuracy`. */
  readonly gate: string;
  readonly passed: boolean;
  /** What it asks for, in words. */
  readonly expected: string;
  /** What there was, in words. */
  readonly found: string;
}
