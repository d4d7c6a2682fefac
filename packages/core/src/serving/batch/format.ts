import type { ModelSignature } from '../../signature';
import type { Tensors } from '../../tensor/tensor';
import type { ErrorBody } from '../http-error';

/** What a client calls a row by; a number past 2^53 is kept as its digits. */
export type RowId = string | number;

/** A row as it came: the inputs of one request, or why it is none. */
export interface InputRow {
  /** As the client gave it; undefined where it gave none. */
  readonly id: RowId | undefined;
  /** Absent where the row cannot be read. */
  readonly inputs?: Tensors;
  readonly error?: unknown;
}

/** A row as it is answered: its outputs, or why there are none. */
export interface OutputRow {
  /** Place of the row in the request, from 0; undefined for the last word on a request that broke in the middle. */
  readonly index: number | undefined;
  readonly id: RowId | undefined;
  /** Each with one row along the batch axis. */
  readonly outputs?: Tensors;
  readonly error?: ErrorBody;
}

/** Names of columns that hold the elements of an input, in their order; by the input's name. */
export type ColumnNames = Readonly<Record<string, readonly string[]>>;

/** Makes the inputs of a model from the values of a row. */
export interface RowDecoder {
  /**
   * Reads a value of JSON: an object of values by input or column, or, where the model has one input, that input's value alone.
   * @returns the row; its `error` is `INVALID_INPUT` or `LIMIT_EXCEEDED` where it does not fit
   * @throws `roundedInteger` when `readJson` must read the text again
   */
  fromJson(value: unknown): InputRow;
  /**
   * Reads rows of cells.
   * @param names of the columns
   * @param isText whether cells are text that stands for a value
   * @returns a function from cells to a row, with an `error` as above
   * @throws FairleadError `INVALID_INPUT` for columns that do not fit the model
   */
  forColumns(names: readonly string[], isText: boolean): (cells: readonly unknown[]) => InputRow;
}

/** How rows of a model are read. */
export interface RowReading {
  /** Makes inputs of records and cells. */
  readonly decoder: RowDecoder;
  /** Bytes that one row may have. */
  readonly maxRowBytes: number;
}

/** Writes answered rows. */
export interface RowWriter {
  /** What comes before the first row. */
  begin(): Uint8Array;
  /** @param rows at least one */
  write(rows: readonly OutputRow[]): Uint8Array;
  /** What comes after the last. */
  end(): Uint8Array;
}

/** How rows travel, in and out: NDJSON and CSV are known, others are given to `batchScoring`. */
export interface BatchFormat {
  /** Media type, in lower case, without parameters. */
  readonly contentType: string;
  /** Other media types that mean the same. @default [] */
  readonly aliases?: readonly string[];
  /**
   * Reads rows out of a body.
   * @throws FairleadError while reading, for what makes the rest unreadable; what is wrong with one row alone is its `error`
   */
  read(body: AsyncIterable<Uint8Array>, reading: RowReading): AsyncIterable<InputRow>;
  /** Makes the writer of one answer. May take a moment, where a library is loaded when it is first used. */
  openWriter(signature: ModelSignature): RowWriter | Promise<RowWriter>;
}
