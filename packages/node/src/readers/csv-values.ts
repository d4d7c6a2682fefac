import { badData, type RecordValue } from './record-reader';

/** What the text of a column stands for. `auto` decides for each value by itself. */
export type CsvType = 'auto' | 'number' | 'boolean' | 'string' | 'date';

/** Every {@link CsvType}. */
export const csvTypes = ['auto', 'number', 'boolean', 'string', 'date'] as const;
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** A number whose text it would be written as again: without leading zeros, which belong to codes. */
const plainDecimal = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const isoDate = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const infinities: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
};

/** How a text is read. */
export interface CsvReading {
  readonly missing: ReadonlySet<string>;
  readonly dates: 'date' | 'number';
}

/**
 * The value that a text stands for.
 * @throws FairleadError `INVALID_INPUT` for a text that is none of its column's type
 */
export function readCsvValue(
  text: string,
  type: CsvType,
  column: string,
  row: number,
  reading: CsvReading,
): RecordValue {
  if (reading.missing.has(text)) return null;
  switch (type) {
    case 'string':
      return text;
    case 'number':
      return readNumber(text.trim(), column, row);
    case 'boolean':
      return readBoolean(text.trim().toLowerCase(), text, column, row);
    case 'date':
      return readDate(text.trim(), column, row, reading.dates);
    case 'auto':
      return guess(text);
  }
}

function readNumber(text: string, column: string, row: number): RecordValue {
  if (decimal.test(text)) return Number(text);
  const lower = text.toLowerCase();
  if (lower === 'nan') return null;
  const infinity = Object.hasOwn(infinities, lower) ? infinities[lower] : undefined;
  if (infinity === undefined) throw badData(column, 'a number such as -1.5e3', quote(text), row);
  return infinity;
}

function readBoolean(lower: string, text: string, column: string, row: number): boolean {
  if (lower === 'true' || lower === '1') return true;
  if (lower === 'false' || lower === '0') return false;
  throw badData(column, 'true, false, 1 or 0', quote(text), row);
}

/** Dates and times of ISO 8601; without a zone they are UTC, so that a file means the same everywhere. */
function readDate(text: string, column: string, row: number, dates: 'date' | 'number'): Date | number {
  const zoned = /T|[ ]/.test(text) && !/(?:Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10)) ? `${text}Z` : text;
  const time = isoDate.test(text) ? Date.parse(zoned.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(time)) throw badData(column, 'a date of ISO 8601 such as 2024-05-31T12:00:00Z', quote(text), row);
  return dates === 'number' ? time : new Date(time);
}

function guess(text: string): RecordValue {
  if (text === 'true' || text === 'false') return text === 'true';
  if (!plainDecimal.test(text)) return text;
  const number = Number(text);
  // Whole numbers that are not exact are most likely keys, and must not be merged.
  return Number.isInteger(number) && !Number.isSafeInteger(number) && !/[.eE]/.test(text) ? text : number;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
