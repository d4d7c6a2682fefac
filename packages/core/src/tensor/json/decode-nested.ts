import { FairleadError } from '../../errors';
import type { TensorSpec } from '../../signature';
import { elementCount, formatShape, type Tensor } from '../tensor';
import { decodeData, type ElementOptions } from './decode-data';
import { describeGiven } from './describe-given';

/** How tensors are read whose shape nobody states: nested arrays. */
export interface NestedOptions extends ElementOptions {
  /** Elements that one tensor may have; checked on the shape, before anything is allocated. */
  readonly maxElements: number;
  /** Turns one value of a string tensor into a string, where a message has another form for it. @default as it is */
  readonly stringOf?: (value: unknown, name: string) => unknown;
}

/** More axes than any model has; bounds what is looked at of nested arrays. */
const maxRank = 32;

/**
 * The shape of nested arrays, by the first element on each axis; a value that is no array is a scalar. Whether the others
 * agree, `decodeNested` finds out.
 *
 * @param name how messages name the tensor
 * @throws FairleadError `INVALID_INPUT` for more axes than any tensor has
 */
export function nestedShape(value: unknown, name: string): number[] {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) {
    if (shape.length === maxRank) throw invalid(name, `at most ${maxRank} axes`, 'arrays nested deeper');
    shape.push(inner.length);
    if (inner.length === 0) break;
  }
  return shape;
}

/**
 * Reads a tensor whose elements lie in arrays nested like its shape. An empty array says nothing about the axes inside it:
 * they are those of the signature, with 0 for sizes that are open there.
 *
 * @throws FairleadError `INVALID_INPUT` for ragged arrays and elements of another type, `LIMIT_EXCEEDED`;
 * `roundedInteger` when `readJson` must read the text again
 */
export function decodeNested(spec: TensorSpec, value: unknown, options: NestedOptions): Tensor {
  const { name, dtype } = spec;
  const shape = nestedShape(value, name);
  if (shape.at(-1) === 0) {
    for (const size of spec.shape.slice(shape.length)) shape.push(typeof size === 'number' ? size : 0);
  }
  checkElements(name, shape, options.maxElements);
  if (elementCount(shape) === 0) {
    const empty: unknown[] = [];
    checkEmpty(value, shape, 0, name);
    return { dtype, shape, data: decodeData(dtype, [0], empty, name, options) } as Tensor;
  }
  const { stringOf } = options;
  const elements =
    dtype === 'string' && stringOf !== undefined ? mapElements(value, shape.length, name, stringOf) : value;
  return { dtype, shape, data: decodeData(dtype, shape, elements, name, options) } as Tensor;
}

/**
 * Checks that nested arrays had the axes that the signature has, for tensors that no runner checks afterwards.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkFits({ name, shape }: TensorSpec, tensor: Tensor): void {
  const fits =
    tensor.shape.length === shape.length &&
    shape.every((size, axis) => typeof size !== 'number' || size === tensor.shape[axis]);
  if (!fits) throw invalid(`${name}.shape`, formatShape(shape), formatShape(tensor.shape));
}

/** @throws FairleadError `LIMIT_EXCEEDED` */
export function checkElements(name: string, shape: readonly number[], maxElements: number): void {
  if (elementCount(shape) <= maxElements) return;
  const expected = `at most ${maxElements} elements`;
  const given = formatShape(shape);
  throw new FairleadError(
    'LIMIT_EXCEEDED',
    `Input ${name}.shape: expected ${expected}, given ${given}. Send fewer rows at once.`,
    { details: { field: `${name}.shape`, expected, given } },
  );
}

/** Without elements, the arrays themselves still have to agree. */
function checkEmpty(value: unknown, shape: readonly number[], axis: number, name: string): void {
  if (!Array.isArray(value) || value.length !== shape[axis]) {
    throw invalid(name, `arrays nested like shape ${formatShape(shape)}`, `${describeGiven(value)} on axis ${axis}`);
  }
  for (const inner of value) checkEmpty(inner, shape, axis + 1, name);
}

/** The arrays anew, with each element turned; what lies deeper than `depth` is left, for the decoder to refuse. */
function mapElements(
  value: unknown,
  depth: number,
  name: string,
  map: (element: unknown, name: string) => unknown,
): unknown {
  if (depth === 0) return map(value, name);
  return Array.isArray(value) ? value.map((inner) => mapElements(inner, depth - 1, name, map)) : value;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Input ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
