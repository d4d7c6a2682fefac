import type { DType } from '../tensor/dtype';
import { formatShape, type Tensor, type Tensors } from '../tensor/tensor';

/** Where two answers to the same inputs first differ; all in words, for a message. */
export interface Difference {
  /** Name of the output. */
  readonly output: string;
  /** The element, for example `[1, 3]`; undefined when the whole output differs. */
  readonly element: string | undefined;
  readonly expected: string;
  readonly given: string;
}

/** How far an element may be from the expected one. */
interface Tolerance {
  /** Fraction of the element's size, or of the root mean square of its output where that is larger. */
  readonly relative: number;
  /** Allowed whatever the sizes. */
  readonly absolute: number;
}

/**
 * A graphics card multiplies float32 in TF32 or adds up in half precision, and each layer adds to that; a device that
 * is out of order is out by far more. A quantised value may be rounded to its neighbour.
 */
const tolerances: Readonly<Partial<Record<DType, Tolerance>>> = {
  float64: { relative: 1e-2, absolute: 1e-6 },
  float32: { relative: 1e-2, absolute: 1e-5 },
  float16: { relative: 3e-2, absolute: 1e-3 },
  int8: { relative: 0, absolute: 1 },
  uint8: { relative: 0, absolute: 1 },
};

/**
 * The first element in which an answer differs from the expected one by more than rounding; undefined when there is none.
 *
 * Floating-point numbers may differ by 1 % (float16: 3 %) of the larger of two: the expected element, and the root mean
 * square of its output, since what is rounded are the terms of a sum and not the sum. 8-bit integers may differ by 1, all
 * else by nothing. NaN equals NaN, and an infinity only itself.
 */
export function firstDifference(expected: Tensors, given: Tensors): Difference | undefined {
  for (const [output, tensor] of Object.entries(expected)) {
    const other = given[output];
    const difference = other === undefined ? whole(output, kindOf(tensor), 'nothing') : compare(output, tensor, other);
    if (difference !== undefined) return difference;
  }
  const extra = Object.keys(given).find((name) => !Object.hasOwn(expected, name));
  return extra === undefined ? undefined : whole(extra, 'no such output', kindOf(given[extra] as Tensor));
}

function compare(output: string, expected: Tensor, given: Tensor): Difference | undefined {
  if (kindOf(expected) !== kindOf(given)) return whole(output, kindOf(expected), kindOf(given));
  const [wanted, got] = [readerOf(expected), readerOf(given)];
  const { relative, absolute } = tolerances[expected.dtype] ?? { relative: 0, absolute: 0 };
  const typical = relative === 0 ? 0 : rootMeanSquare(expected.data.length, wanted);
  for (let index = 0; index < expected.data.length; index++) {
    const [a, b] = [wanted(index), got(index)];
    // Equal infinities, strings and big integers too.
    if (a === b) continue;
    if (typeof a === 'number' && typeof b === 'number') {
      if (Number.isNaN(a) && Number.isNaN(b)) continue;
      const allowed = absolute + relative * Math.max(Math.abs(a), typical);
      if (Number.isFinite(a) && Math.abs(a - b) <= allowed) continue;
    }
    return { output, element: elementAt(index, expected.shape), expected: String(a), given: String(b) };
  }
  return undefined;
}

/** Reads elements as numbers, big integers or strings. */
function readerOf({ dtype, data }: Tensor): (index: number) => number | bigint | string {
  if (dtype === 'float16') return (index) => fromHalf(data[index] as number);
  return (index) => data[index] as number | bigint | string;
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** Of the finite elements; 0 when there are none. */
function rootMeanSquare(length: number, read: (index: number) => number | bigint | string): number {
  let sum = 0;
  let count = 0;
  for (let index = 0; index < length; index++) {
    const value = read(index) as number;
    if (!Number.isFinite(value)) continue;
    sum += value * value;
    count++;
  }
  const result = count === 0 ? 0 : Math.sqrt(sum / count);
  // Squares of numbers near the largest float64 are infinite, and would allow anything.
  return Number.isFinite(result) ? result : 0;
}

/** The place of an element: `[row, column]`. */
function elementAt(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return formatShape(place);
}

function kindOf({ dtype, shape }: Tensor): string {
  return `${dtype} ${formatShape(shape)}`;
}

function whole(output: string, expected: string, given: string): Difference {
  return { output, element: undefined, expected, given };
}
