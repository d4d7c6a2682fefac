import { FairleadError, type ModelSignature, messageOf, parseOptions } from '@fairlead/core';
import type { BatchFormat, InputRow, RowReading, RowWriter } from '@fairlead/core/serving';
import type { Field, RecordBatch, RecordBatchReader } from 'apache-arrow';
import * as z from 'zod/mini';
import { checkVector, type RowsOfBatch, readableColumn } from './arrow-columns';
import { checkedMessages } from './arrow-messages';
import { createArrowWriter } from './arrow-writer';
import { loadLibrary } from './libraries';

/** Options of {@link arrowRows}. */
export interface ArrowRowsOptions {
  /**
   * Bytes that may be read of a body before a whole batch of rows comes out: batches are held as a whole. 1 or more.
   * @default 33554432 (32 MiB)
   */
  readonly maxBatchBytes?: number;
}

const schema = z.strictObject({ maxBatchBytes: z._default(z.int().check(z.gte(1)), 32 * 2 ** 20) });

/**
 * Rows as an Arrow IPC stream, in and out, for the option `formats` of `batchScoring`: `application/vnd.apache.arrow.stream`. By the
 * package apache-arrow, which is loaded when the first such request comes.
 *
 * Columns are called like those of CSV: an input's name, or one for each of its elements. An input with several elements a row may be a
 * column of lists, nested like it. Columns of numbers, booleans, text, lists of these, and dictionaries are read; a null is a missing
 * value. The answer has the columns `index`, `id`, those of the outputs, `error` and `code`; it has nulls where there is nothing
 * to say.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function arrowRows(options?: ArrowRowsOptions): BatchFormat {
  const { maxBatchBytes } = parseOptions(schema, options, 'arrowRows');
  return {
    contentType: 'application/vnd.apache.arrow.stream',
    read: (body, reading) => readRows(body, reading, maxBatchBytes),
    async openWriter(signature: ModelSignature): Promise<RowWriter> {
      return createArrowWriter(await loadLibrary('apache-arrow'), signature);
    },
  };
}

async function* readRows(
  body: AsyncIterable<Uint8Array>,
  { decoder }: RowReading,
  maxBatchBytes: number,
): AsyncGenerator<InputRow, undefined> {
  const arrow = await loadLibrary('apache-arrow');
  const bounded = boundedPieces(body, maxBatchBytes);
  const reader = await opened(arrow.RecordBatchReader.from(bounded.pieces), bounded);
  try {
    const { fields } = reader.schema;
    const names = believed(() => fields.map(nameOf));
    const decode = decoder.forColumns(names, false);
    const columns = believed(() => fields.map((field) => readableColumn(arrow, field)));
    const batches = reader[Symbol.asyncIterator]() as AsyncIterator<RecordBatch>;
    for (;;) {
      const batch = await next(batches, bounded);
      if (batch === undefined) break;
      bounded.restart();
      const rows = believed((): RowsOfBatch => {
        const { children } = batch.data;
        for (const [index, { name }] of fields.entries()) checkVector(arrow, children[index], batch.numRows, name);
        return names.map((_name, index) => batch.getChildAt(index));
      });
      for (let row = 0; row < batch.numRows; row++) {
        yield decode(believed(() => rows.map((vector, index) => columns[index]?.(vector?.get(row)) ?? null)));
      }
    }
    if (!bounded.hasEnded()) throw noArrow('a stream that ends without its end mark');
  } finally {
    await reader.cancel();
  }
}

function nameOf({ name }: Field): string {
  if (typeof name === 'string') return name;
  throw noArrow('a column without a name');
}

/** Looks at what the library made of a stranger's bytes, which may be half an object. */
function believed<T>(look: () => T): T {
  try {
    return look();
  } catch (cause) {
    throw FairleadError.isInstance(cause) ? cause : noArrow(messageOf(cause), cause);
  }
}

interface BoundedPieces {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** What broke the body itself, which the library may tell in its own words. */
  failure(): { readonly error: unknown } | undefined;
  /** A whole batch came out: what comes counts anew. */
  restart(): void;
  /** Whether the last bytes are the end mark of a stream. */
  hasEnded(): boolean;
}

const endMark = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

function boundedPieces(body: AsyncIterable<Uint8Array>, maxBytes: number): BoundedPieces {
  let held = 0;
  let tail: number[] = [];
  let failed: { readonly error: unknown } | undefined;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of body) {
        held += piece.byteLength;
        if (held > maxBytes) {
          const message = `A batch of Arrow has more than ${maxBytes} bytes. Send fewer rows in each.`;
          throw new FairleadError('LIMIT_EXCEEDED', message, {
            details: { field: 'body', expected: `batches of at most ${maxBytes} bytes` },
          });
        }
        tail = [...tail, ...piece.subarray(-endMark.length)].slice(-endMark.length);
        yield piece;
      }
    } catch (error) {
      failed = { error };
      throw error;
    }
  }
  async function* checked(): AsyncGenerator<Uint8Array> {
    try {
      yield* checkedMessages(pieces(), maxBytes, noArrow);
    } catch (error) {
      failed ??= { error };
      throw error;
    }
  }
  return {
    pieces: checked(),
    failure: () => failed,
    restart() {
      held = 0;
    },
    hasEnded: () => tail.length === endMark.length && endMark.every((byte, index) => tail[index] === byte),
  };
}

async function opened(opening: Promise<RecordBatchReader>, bounded: BoundedPieces): Promise<RecordBatchReader> {
  let reader: RecordBatchReader;
  try {
    reader = (await (await opening).open()) as RecordBatchReader;
  } catch (cause) {
    throw reasonOf(cause, bounded);
  }
  // The library takes bytes that are no Arrow for a stream that ends before it begins.
  if (reader.schema === undefined) throw bounded.failure()?.error ?? noArrow('bytes without a schema');
  return reader;
}

async function next(batches: AsyncIterator<RecordBatch>, bounded: BoundedPieces): Promise<RecordBatch | undefined> {
  try {
    const { done, value } = await batches.next();
    return done === true ? undefined : value;
  } catch (cause) {
    throw reasonOf(cause, bounded);
  }
}

function reasonOf(cause: unknown, bounded: BoundedPieces): unknown {
  return bounded.failure()?.error ?? (FairleadError.isInstance(cause) ? cause : noArrow(messageOf(cause), cause));
}

function noArrow(given: string, cause?: unknown): FairleadError {
  const expected = 'a stream of Arrow IPC';
  return new FairleadError('PROTOCOL_ERROR', `The body is no Arrow: expected ${expected}, given ${given}.`, {
    details: { field: 'body', expected, given },
    ...(cause === undefined ? {} : { cause }),
  });
}
