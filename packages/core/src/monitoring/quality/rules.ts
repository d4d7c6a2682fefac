import type { DataRecord } from './infer-schema';
import type { Category, FieldType } from './schema';

/** What every rule takes. */
export interface RuleOptions {
  /** What metrics and reports call it; with its field unique in a monitor. @default the kind of the rule */
  readonly name?: string;
  /**
   * Largest share of rows that may break it while all is well, 0 to 1. With 0 the first violation fails the rule; above
   * it, it fails where so many violations would be too rare by chance.
   * @default 0
   */
  readonly tolerance?: number;
}

/** Values may not be missing: absent, `null`, `undefined`, NaN. */
export interface MissingRule extends RuleOptions {
  readonly rule: 'missing';
  readonly field: string;
}

/** Present values have a type. */
export interface TypeRule extends RuleOptions {
  readonly rule: 'type';
  readonly field: string;
  readonly type: FieldType;
  /** Only whole numbers. @default false */
  readonly integer?: boolean;
}

/** Numbers and dates lie within bounds; those of dates are milliseconds since 1970-01-01 UTC. At least one is needed. */
export interface RangeRule extends RuleOptions {
  readonly rule: 'range';
  readonly field: string;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Every value is more than this. */
  readonly exclusiveMinimum?: number;
  /** Every value is less than this. */
  readonly exclusiveMaximum?: number;
}

/** Values are of a closed set. */
export interface CategoryRule extends RuleOptions {
  readonly rule: 'category';
  readonly field: string;
  readonly values: readonly Category[];
}

/** Strings are so long, in UTF-16 units. At least one bound is needed. */
export interface LengthRule extends RuleOptions {
  readonly rule: 'length';
  readonly field: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Strings match a pattern. Longer ones than 10,000 units count as violations and are not searched. */
export interface PatternRule extends RuleOptions {
  readonly rule: 'pattern';
  readonly field: string;
  readonly pattern: RegExp;
}

/** Numbers and dates never fall, or never rise, from row to row; missing values are passed over. */
export interface MonotoneRule extends RuleOptions {
  readonly rule: 'monotone';
  readonly field: string;
  readonly direction: 'increasing' | 'decreasing';
  /** Whether equal neighbours break it too. @default false */
  readonly strict?: boolean;
}

/** No two rows of a window, or of 65,536 rows where it is longer, have the same value. */
export interface UniqueRule extends RuleOptions {
  readonly rule: 'unique';
  readonly field: string;
}

/** The values of a window are not all equal. */
export interface ConstantRule extends Omit<RuleOptions, 'tolerance'> {
  readonly rule: 'constant';
  readonly field: string;
  /**
   * Largest share that the most common value may have, from which follows how unlikely equal values are.
   * Above 0, below 1. @default 0.5
   */
  readonly commonestShare?: number;
}

/** Rows go on coming, or their event times go on being recent. Its state is `ok` or `failed`. */
export interface FreshnessRule extends Omit<RuleOptions, 'tolerance'> {
  readonly rule: 'freshness';
  /**
   * The field that holds event times: a `Date`, milliseconds since 1970-01-01 UTC, or a string that `Date.parse` reads.
   * @default none: the time of the last row counts
   */
  readonly field?: string;
  /** Milliseconds after which the newest is too old. Above 0. */
  readonly maxAgeMs: number;
  /**
   * Milliseconds that an event time may be ahead of the clock. A time further ahead is a violation and makes nothing
   * fresh, else one wrong year would hide a source that went silent. @default 60000
   */
  readonly maxAheadMs?: number;
}

/** A condition on several fields of a row. Rows that lack one of them are passed over. */
export interface RecordRule<Row = DataRecord> extends Omit<RuleOptions, 'name'> {
  readonly rule: 'record';
  /** What metrics and reports call it. */
  readonly name: string;
  /** The fields it reads; from tensors the row has these alone. */
  readonly fields: readonly (keyof Row & string)[];
  /** Whether rows that lack some of the fields are tested too. @default false */
  readonly testMissing?: boolean;
  /**
   * Whether the row is right. The row is valid during the call only. An exception is counted and is no violation.
   */
  readonly test: (row: Row) => boolean;
}

/** A condition on one value, as {@link RecordRule}; missing values are passed over. */
export interface ValueRule extends Omit<RuleOptions, 'name'> {
  readonly rule: 'value';
  readonly name: string;
  readonly field: string;
  /** Whether missing values are tested too, as `undefined` or what the row holds. @default false */
  readonly testMissing?: boolean;
  /** Whether the value is right. An exception is counted and is no violation. */
  readonly test: (value: unknown) => boolean;
}

/** Rules about one field. */
export type FieldRule =
  | MissingRule
  | TypeRule
  | RangeRule
  | CategoryRule
  | LengthRule
  | PatternRule
  | MonotoneRule
  | UniqueRule
  | ConstantRule
  | ValueRule;

/** What rows must be like, beside or instead of a schema. `Row` types the rows of record rules. */
export type QualityRule<Row = DataRecord> = FieldRule | FreshnessRule | RecordRule<Row>;
