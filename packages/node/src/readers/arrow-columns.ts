import { FairleadError } from '@fairlead/core';
import type { Data, DataType, Field, Vector } from 'apache-arrow';
import type { loadLibrary } from './libraries';
import { narrow } from './record-reader';

/** The library, once it is loaded. */
export type ArrowModule = Awaited<ReturnType<typeof loadLibrary<'apache-arrow'>>>;

/** The columns of a batch. */
export type RowsOfBatch = readonly (Vector | null)[];

/** Makes of a cell what the decoder of elements takes. */
export type CellReader = (value: unknown) => unknown;

/**
 * @returns the reader of a column's cells
 * @throws FairleadError `UNSUPPORTED` for a type that holds no numbers, booleans or text
 */
export function readableColumn({ DataType: types }: ArrowModule, { name, type }: Field): CellReader {
  let inner: DataType = types.isDictionary(type) ? type.dictionary : type;
  let isNested = false;
  while (types.isList(inner) || types.isFixedSizeList(inner)) {
    isNested = true;
    inner = (inner.children[0] as Field).type;
  }
  if (types.isDictionary(inner)) inner = inner.dictionary;
  const isReadable =
    types.isInt(inner) ||
    types.isFloat(inner) ||
    types.isBool(inner) ||
    types.isUtf8(inner) ||
    types.isLargeUtf8(inner) ||
    types.isNull(inner);
  if (!isReadable) {
    const expected = 'numbers, booleans, text, or lists of these';
    throw new FairleadError(
      'UNSUPPORTED',
      `The column ${name.slice(0, 100)} is of type ${String(type)}: expected ${expected}.`,
      {
        details: { field: name, expected, given: String(type) },
      },
    );
  }
  return isNested ? nestedOf : elementOf;
}

function elementOf(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'bigint') {
    const number = narrow(value);
    return typeof number === 'bigint' ? String(number) : number;
  }
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function nestedOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return elementOf(value);
  return Array.from(value as Iterable<unknown>, nestedOf);
}

/**
 * Holds what a batch says of its column against the bytes that are there: the library believes it.
 *
 * @throws FairleadError `PROTOCOL_ERROR`
 */
export function checkVector(arrow: ArrowModule, data: Data | undefined, rows: number, name: string): void {
  if (data === undefined || data.length !== rows || !Number.isSafeInteger(rows))
    throw lying(name, 'its number of rows');
  checkBuffers(arrow, data, rows, name);
}

function checkBuffers(arrow: ArrowModule, data: Data, rows: number, name: string): void {
  const { DataType: types } = arrow;
  const { type, offset } = data;
  const end = offset + rows;
  if (types.isNull(type)) {
    // Without bytes, so nothing bounds its length.
    if (rows > maxNulls) throw lying(name, 'a column of nulls alone');
  } else if (types.isFixedSizeList(type)) {
    const [child] = data.children;
    if (child === undefined || child.length < end * type.listSize) throw lying(name, 'the length of its lists');
    checkBuffers(arrow, child, child.length, name);
  } else if (types.isList(type)) {
    const [child] = data.children;
    checkOffsets(data, end, child?.length ?? 0, name);
    if (child !== undefined) checkBuffers(arrow, child, child.length, name);
  } else if (types.isUtf8(type) || types.isLargeUtf8(type)) {
    checkOffsets(data, end, (data.values as Uint8Array | undefined)?.byteLength ?? 0, name);
  } else if (types.isBool(type)) {
    if (((data.values as Uint8Array | undefined)?.byteLength ?? 0) * 8 < end) throw lying(name, 'its values');
  } else if (((data.values as ArrayLike<unknown> | undefined)?.length ?? 0) < rows) throw lying(name, 'its values');
}

/** More rows than any batch of that many nulls has. */
const maxNulls = 1_000_000;

function checkOffsets({ valueOffsets, offset }: Data, end: number, length: number, name: string): void {
  const offsets = valueOffsets as unknown as ArrayLike<number | bigint> | undefined;
  if (end === offset) return;
  if (offsets === undefined || offsets.length < end - offset + 1) throw lying(name, 'its offsets');
  let last = 0;
  for (let index = 0; index <= end - offset; index++) {
    const at = Number(offsets[index]);
    if (at < last || at > length) throw lying(name, 'its offsets');
    last = at;
  }
}

function lying(name: string, what: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `The column ${name.slice(0, 100)} has fewer bytes than ${what} says.`, {
    details: { field: name.slice(0, 100), expected: 'as many bytes as the batch says' },
  });
}
