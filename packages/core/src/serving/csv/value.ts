import type { DType } from '../../tensor/dtype';

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const missingWords: ReadonlySet<string> = new Set(['na', 'n/a', 'nan', 'null', 'none']);
const infinities: Readonly<Record<string, string>> = {
  inf: 'Infinity',
  '+inf': 'Infinity',
  infinity: 'Infinity',
  '+infinity': 'Infinity',
  '-inf': '-Infinity',
  '-infinity': '-Infinity',
};
const booleans: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

/**
 * The JSON value that the text of a cell stands for, as the decoder of elements takes it; text that stands for none stays, for the
 * decoder to refuse. An empty cell is a missing value, `null`; for floats so are the words that R and pandas write.
 */
export function scalarOfText(dtype: DType, text: string): unknown {
  if (dtype === 'string') return text;
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const lower = trimmed.toLowerCase();
  if (dtype === 'bool') return Object.hasOwn(booleans, lower) ? booleans[lower] : trimmed;
  const isFloat = dtype.startsWith('float');
  if (decimal.test(trimmed)) return isFloat ? Number(trimmed) : integerOf(trimmed);
  if (!isFloat) return trimmed;
  return missingWords.has(lower) ? null : (infinities[lower] ?? trimmed);
}

/** Digits past 2^53 stay text, which tensors of 64 bits read without loss. */
function integerOf(text: string): number | string {
  const value = Number(text);
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value) && /^[+-]?\d+$/.test(text);
  return isRounded ? text.replace('+', '') : value;
}
