import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import { dtypes, type NumericDType } from '../tensor/dtype';
import type { Tensors } from '../tensor/tensor';
import type { Reference } from './reference';
import { type FitterOptions, isIterable, isTensors, ReferenceFitter } from './reference-fitter';
import { describeRow, invalidInput } from './rows';
import { type SeasonKind, seasonKinds, seasonOf } from './seasons';

/** One row as bare numbers, in the order of the features. Big integers are read as numbers. */
export type BareRow = ArrayLike<number> | ArrayLike<bigint>;

/**
 * Training rows: tensors that hold all of them, or anything that yields them one by one or in batches of tensors.
 */
export type ReferenceRows = Tensors | Iterable<Tensors | BareRow> | AsyncIterable<Tensors | BareRow>;

/** Options of {@link fitReference}. */
export interface FitReferenceOptions extends CallOptions {
  /**
   * Names of the inputs to watch. For bare rows exactly one; for tensors, the others are left out of the reference.
   * @default every input of the tensors
   */
  readonly inputs?: readonly string[];
  /**
   * A name for each value of a row, input after input, for example `p0` to `p63`.
   * @default the input's name where it has one value, else `input[0]`, `input[1]`, …
   */
  readonly featureNames?: readonly string[];
  /**
   * The dtype that the model's input has; only for bare rows, as tensors bring their own. Values are rounded to it, so
   * that a training value of 0.1 meets the same 0.1 in a live float32 tensor.
   * @default 'float32'
   */
  readonly dtype?: Exclude<NumericDType, 'float16'>;
  /** How many quantile bins to aim at for each feature, 2 to 256. @default 10 */
  readonly bins?: number;
  /** Most rows to keep while fitting; of more, a uniform sample. 1 to 10,000,000. @default 50000 */
  readonly maxRows?: number;
  /** The axis of the tensors that counts rows. @default 0 */
  readonly batchAxis?: number;
  /**
   * Fits a reference for each season beside the whole, for models whose inputs change with the time of the day or the week.
   * A season with fewer than 100 rows is compared with the whole.
   * @default none
   */
  readonly seasons?: SeasonsToFit;
}

/** How training rows belong to seasons. */
export interface SeasonsToFit {
  /** How long a season lasts, and when it comes again. */
  readonly kind: SeasonKind;
  /** When each row was, in milliseconds since 1970-01-01 UTC: a list as long as the rows, or a function of a row's index. */
  readonly times: ArrayLike<number> | ((row: number) => number);
  /** Minutes by which the hours and days are ahead of UTC, −1440 to 1440. @default 0 */
  readonly utcOffsetMinutes?: number;
}

const names = (what: string) =>
  z.array(z.string().check(z.minLength(1, `${what} that is not empty`))).check(
    z.minLength(1),
    z.refine((list) => new Set(list).size === list.length, `${what} that occurs once`),
  );

const optionsSchema = z.strictObject({
  inputs: z.optional(names('a name of an input')),
  featureNames: z.optional(names('a name of a feature')),
  dtype: z.optional(z.enum(dtypes.filter((dtype) => dtype !== 'string' && dtype !== 'float16'))),
  bins: z._default(z.int().check(z.minimum(2), z.maximum(256)), 10),
  maxRows: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 50_000),
  batchAxis: z._default(z.int().check(z.minimum(0), z.maximum(31)), 0),
  seasons: z.optional(
    z.strictObject({
      kind: z.enum(seasonKinds),
      times: z.custom<SeasonsToFit['times']>(
        (value) => typeof value === 'function' || (typeof value === 'object' && value !== null && 'length' in value),
        "a list of times, or a function of a row's index",
      ),
      utcOffsetMinutes: z._default(z.int().check(z.minimum(-1440), z.maximum(1440)), 0),
    }),
  ),
  signal: z.optional(z.instanceof(AbortSignal)),
});

/**
 * Fits a reference from training rows: for each feature quantile bins, tallies of NaN, −∞ and +∞, mean, standard
 * deviation, least and greatest value. Keep it with {@link serializeReference} beside the model, as its sidecar
 * `reference`.
 *
 * @param rows `{ pixels: tensor }` with all rows, or an iterable or async iterable of rows or of such records
 * @throws FairleadError `INVALID_INPUT` for no row at all, a row of another width or dtype, a missing input or strings;
 * `INVALID_OPTION`; `LIMIT_EXCEEDED`; `ABORTED`
 */
export async function fitReference(rows: ReferenceRows, options: FitReferenceOptions = {}): Promise<Reference> {
  const parsed = parseOptions(optionsSchema, options, 'fitReference');
  const fitter = new ReferenceFitter(fitterOptionsOf(parsed));
  if (isTensors(rows)) fitter.addTensors(rows);
  else {
    if (!isIterable(rows)) {
      throw invalidInput('rows', 'tensors by name, or an iterable of rows', describeRow(rows));
    }
    if (ArrayBuffer.isView(rows)) {
      throw invalidInput('rows', 'several rows, such as [row] for a single one', describeRow(rows));
    }
    for await (const row of rows) {
      throwIfAborted(parsed.signal, 'Fitting the reference');
      fitter.add(row);
    }
  }
  return fitter.finish();
}

function fitterOptionsOf({ seasons, signal: _, ...options }: z.output<typeof optionsSchema>): FitterOptions {
  const { inputs, featureNames, dtype } = options;
  return { ...options, inputs, featureNames, dtype, seasons: seasons === undefined ? undefined : seasonsOf(seasons) };
}

function seasonsOf(seasons: SeasonsToFit): NonNullable<FitterOptions['seasons']> {
  const { kind, times, utcOffsetMinutes = 0 } = seasons;
  const timeOf = typeof times === 'function' ? times : (row: number): number | undefined => times[row];
  return {
    kind,
    utcOffsetMinutes,
    of(row) {
      const time = timeOf(row);
      if (typeof time === 'number' && Number.isFinite(time)) return seasonOf(time, kind, utcOffsetMinutes);
      throw invalidInput(`seasons.times[${row}]`, 'a time in milliseconds for every row', String(time));
    },
  };
}
