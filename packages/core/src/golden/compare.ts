import type { DType } from '../tensor/dtype';
import { halfToNumber } from '../tensor/float16';
import { formatShape, type Tensor } from '../tensor/tensor';
import type { GoldenTolerance } from './golden-file';

/** Where an answer differs from the golden one. */
export interface Difference {
  /** The place of the first element that differs: its index on each axis; undefined where the shapes differ. */
  readonly at: readonly number[] | undefined;
  /** What was expected there, and within what. */
  readonly expected: string;
  readonly given: string;
  /** How many elements differ, and of how many. */
  readonly differing: number;
  readonly elements: number;
}

const exact: Required<GoldenTolerance> = { absolute: 0, relative: 0 };
const defaults: Readonly<Partial<Record<DType, Required<GoldenTolerance>>>> = {
  float16: { absolute: 1e-3, relative: 2e-2 },
  // What another device changes: a GPU that multiplies with the ten-bit fractions of TF32 moves a probability by up to
  // 0.001. A wrong model is off by far more.
  float32: { absolute: 1e-4, relative: 1e-2 },
  float64: { absolute: 1e-9, relative: 1e-6 },
};

/** Compares an output with the golden one, both of the same dtype; undefined when they agree. */
export function compareTensors(
  expected: Tensor,
  given: Tensor,
  tolerance: GoldenTolerance = {},
): Difference | undefined {
  const { dtype, shape } = expected;
  const elements = expected.data.length;
  if (shape.length !== given.shape.length || shape.some((size, axis) => size !== given.shape[axis])) {
    const shapes = { expected: `shape ${formatShape(shape)}`, given: `shape ${formatShape(given.shape)}` };
    return { at: undefined, ...shapes, differing: elements, elements };
  }
  const within = toleranceOf(dtype, tolerance);
  let differing = 0;
  let first = -1;
  for (let index = 0; index < elements; index++) {
    if (agree(elementOf(expected, index), elementOf(given, index), within)) continue;
    if (differing === 0) first = index;
    differing++;
  }
  if (differing === 0) return undefined;
  const wanted = elementOf(expected, first);
  return {
    at: indexesOf(first, shape),
    expected: `${formatElement(wanted, dtype)}${formatTolerance(wanted, within)}`,
    given: formatElement(elementOf(given, first), dtype),
    differing,
    elements,
  };
}

/** An element as it is compared: half floats as numbers. */
type Element = number | bigint | string;

/** What is given, and for the rest what is usual for the dtype. */
export function toleranceOf(dtype: DType, tolerance: GoldenTolerance = {}): Required<GoldenTolerance> {
  return { ...(defaults[dtype] ?? exact), ...tolerance };
}

export function elementOf({ dtype, data }: Tensor, index: number): Element {
  const element = data[index] as Element;
  return dtype === 'float16' ? halfToNumber(element as number) : element;
}

/** Whether an element is within the tolerance of the expected one; NaN agrees with NaN. */
export function agree(expected: Element, given: Element, { absolute, relative }: Required<GoldenTolerance>): boolean {
  if (expected === given) return true;
  if (typeof expected === 'string' || typeof given === 'string') return false;
  if (Number.isNaN(expected) || Number.isNaN(given)) return Number.isNaN(expected) && Number.isNaN(given);
  // Big integers are subtracted as such: as numbers, two that lie close would be equal.
  const difference =
    typeof expected === 'bigint' && typeof given === 'bigint'
      ? Number(given - expected)
      : Number(given) - Number(expected);
  const allowed = absolute + relative * Math.abs(Number(expected));
  // An infinity agrees with itself alone, though what it allows is infinite too.
  return Number.isFinite(difference) && Math.abs(difference) <= allowed;
}

function indexesOf(flat: number, shape: readonly number[]): number[] {
  const indexes: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    indexes.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return indexes;
}

function formatElement(element: Element, dtype: DType): string {
  if (typeof element === 'string') return JSON.stringify(element.slice(0, 80));
  // Nine digits tell every float32 from every other one.
  return String(dtype === 'float32' ? Number(Number(element).toPrecision(9)) : element);
}

function formatTolerance(expected: Element, { absolute, relative }: Required<GoldenTolerance>): string {
  if (typeof expected === 'string' || absolute + relative === 0 || !Number.isFinite(Number(expected))) return '';
  const allowed = absolute + relative * Math.abs(Number(expected));
  return ` ± ${Number(allowed.toPrecision(3))}`;
}
