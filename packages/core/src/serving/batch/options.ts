import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { Priority } from '../../runner/runner';
import type { BatchFormat, ColumnNames } from './format';

/** Options of {@link batchScoring}. */
export interface BatchScoringOptions {
  /**
   * Formats beside NDJSON and CSV, such as `arrowRows()` of `@fairlead/node/readers`.
   * @default []
   */
  readonly formats?: readonly BatchFormat[];
  /**
   * What clients call the elements of an input, in their order, by model and input:
   * `{ iris: { x: ['sepal_length', 'sepal_width', 'petal_length', 'petal_width'] } }`. Inputs have to have a fixed number
   * of elements a row. @default their own names: `x[0]`, `x[1]`, …
   */
  readonly columns?: Readonly<Record<string, ColumnNames>>;
  /** Class of the rows at the runner. @default 'low', so that callers who wait for one answer go first */
  readonly priority?: Priority;
  /** Bytes that one row of NDJSON or CSV may have. 1 or more. @default 4194304 (4 MiB) */
  readonly maxRowBytes?: number;
  /** Bytes that a body may have in all, packed and unpacked. 1 or more. @default 4294967296 (4 GiB) */
  readonly maxTotalBytes?: number;
  /** Rows that a body may have. 1 or more. @default 100000000 */
  readonly maxTotalRows?: number;
  /** Rows of one request that are held at once. 1 or more. @default 512 */
  readonly maxHeldRows?: number;
  /**
   * Bytes of tensors of one request that are held at once. With one row more they count among `maxConcurrentBodyBytes` of the host as
   * long as the request lasts. 1 or more. @default 16777216 (16 MiB)
   */
  readonly maxHeldBytes?: number;
}

/** The options with their defaults. */
export type BatchScoringSettings = Required<BatchScoringOptions>;

const whole = z.optional(z.int().check(z.gte(1)));

const isFormat = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as Partial<BatchFormat>).openWriter === 'function';

const schema = z.strictObject({
  formats: z.optional(z.array(z.custom<BatchFormat>(isFormat, 'a format, such as arrowRows()'))),
  columns: z.optional(z.record(z.string(), z.record(z.string(), z.array(z.string())))),
  priority: z.optional(z.enum(['high', 'normal', 'low'])),
  maxRowBytes: whole,
  maxTotalBytes: whole,
  maxTotalRows: whole,
  maxHeldRows: whole,
  maxHeldBytes: whole,
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseBatchScoringOptions(options: BatchScoringOptions | undefined): BatchScoringSettings {
  const parsed = parseOptions(schema, options, 'batchScoring');
  return {
    formats: parsed.formats ?? [],
    columns: parsed.columns ?? {},
    priority: parsed.priority ?? 'low',
    maxRowBytes: parsed.maxRowBytes ?? 4 * 2 ** 20,
    maxTotalBytes: parsed.maxTotalBytes ?? 4 * 2 ** 30,
    maxTotalRows: parsed.maxTotalRows ?? 100_000_000,
    maxHeldRows: parsed.maxHeldRows ?? 512,
    maxHeldBytes: parsed.maxHeldBytes ?? 16 * 2 ** 20,
  };
}
