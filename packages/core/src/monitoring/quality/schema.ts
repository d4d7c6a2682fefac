import type { DType } from '../../tensor/dtype';

/**
 * What a value of a field is. `any` leaves it open. A `bigint` counts as a number; a `date` is a `Date`, or a number of
 * milliseconds since 1970-01-01 UTC.
 */
export type FieldType = 'number' | 'boolean' | 'string' | 'date' | 'any';

/** A value that a closed set of categories can hold. */
export type Category = string | number | boolean;

/**
 * The largest shares of rows that may break a rule while all is well, 0 to 1: what the training rows showed, the doubt
 * that so many rows leave, and the margin that was asked for. Where one is absent, none may.
 */
export interface FieldTolerances {
  /** Values that are absent, `null`, `undefined` or NaN. @default 0 */
  readonly missing?: number;
  /** Values of another type, or fractions where whole numbers are asked for. @default 0 */
  readonly type?: number;
  /** Values outside the bounds. @default 0 */
  readonly range?: number;
  /** Values that are none of the categories. @default 0 */
  readonly category?: number;
  /** Strings that are too short or too long. @default 0 */
  readonly length?: number;
}

/** What the values of one field must be like. */
export interface FieldSchema {
  /** Unique among the fields of the schema. */
  readonly name: string;
  readonly type: FieldType;
  /** Only whole numbers. @default false */
  readonly integer?: boolean;
  /** Least value; of a date in milliseconds since 1970-01-01 UTC. As the next three for numbers and dates only. */
  readonly minimum?: number;
  /** Greatest value. */
  readonly maximum?: number;
  /** Every value is more than this. */
  readonly exclusiveMinimum?: number;
  /** Every value is less than this. */
  readonly exclusiveMaximum?: number;
  /** The only values there are. */
  readonly categories?: readonly Category[];
  /** Fewest UTF-16 units of a string. */
  readonly minimumLength?: number;
  /** Most UTF-16 units of a string. */
  readonly maximumLength?: number;
  /**
   * Largest share of rows that may hold the most common value, below 1: of a column in which all values are equal for a
   * whole window, it tells how likely that is by chance.
   */
  readonly commonestShare?: number;
  /** Largest probability that two rows have the same value; 0 for a key of which no two rows share a value. */
  readonly collisionRate?: number;
  readonly tolerances?: FieldTolerances;
}

/** One input of a model, whose values are fields. */
export interface SchemaInput {
  readonly name: string;
  readonly dtype: DType;
  /** Values of one row: the product of every axis but the batch axis. Each is a field. */
  readonly width: number;
}

/** What rows must be like. Plain data: write one by hand, infer it with `inferSchema`, or make it with `schemaFromZod`. */
export interface DataSchema {
  /** Rows it was inferred from; 0 for one that was written. */
  readonly rows: number;
  /** The tensors that hold the fields: those of the first input, then of the second, and so on. */
  readonly inputs?: readonly SchemaInput[];
  readonly fields: readonly FieldSchema[];
  /** Whether a record may have fields that are none of these. @default true */
  readonly additionalFields?: boolean;
}

/** What limits a schema, so that a broken or hostile file cannot make a monitor allocate without end. */
export const schemaLimits = {
  /** Fields. */
  fields: 65_536,
  /** Categories of one field. */
  categories: 10_000,
  /** UTF-16 units of a name or a category. */
  nameLength: 1000,
  /** Bytes of the serialised form. */
  bytes: 64 * 2 ** 20,
} as const;
