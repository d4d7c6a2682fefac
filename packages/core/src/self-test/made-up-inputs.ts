import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, type DataOf, type DType } from '../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../tensor/tensor';

/** Rows of the inputs that are made up, where a model has a batch axis. */
const rows = 2;
/** Most elements of one input: 16 MiB of float32. */
const maxElements = 2 ** 22;

/** What {@link madeUpInputs} fills inputs with. */
export interface Recipe {
  /** Inputs of another seed are other numbers; of the same one the same, on every machine. */
  readonly seed: number;
  /** Size of every symbolic axis that is not the batch. */
  readonly freeSize: number;
}

/** Whether a model has symbolic axes other than the batch, whose sizes can only be guessed. */
export function hasFreeAxes({ inputs, batchAxis }: ModelSignature): boolean {
  const batch = batchNameOf(inputs, batchAxis);
  return inputs.some(({ shape }) => shape.some((size) => typeof size === 'string' && size !== batch));
}

/**
 * Inputs for a model of which nothing is known but its signature: two rows of pseudo-random values that most models can
 * compute with. Floating-point numbers lie in [-1, 1], 8-bit integers anywhere, wider ones are 0 or 1, since many are
 * indices or masks; booleans are true or false, strings `a` or `b`.
 *
 * @returns undefined when an input would have more than 4 194 304 elements
 */
export function madeUpInputs({ inputs, batchAxis }: ModelSignature, recipe: Recipe): Tensors | undefined {
  const batch = batchNameOf(inputs, batchAxis);
  const next = randomBits(recipe.seed);
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of inputs) {
    const sizes = shape.map((size) => (typeof size === 'number' ? size : size === batch ? rows : recipe.freeSize));
    const count = elementCount(sizes);
    if (count > maxElements) return undefined;
    tensors[name] = { dtype, shape: sizes, data: filled(dtype, count, next) } as Tensor;
  }
  return tensors;
}

function batchNameOf(inputs: readonly TensorSpec[], batchAxis: number | null): string | undefined {
  const size = batchAxis === null ? undefined : inputs[0]?.shape[batchAxis];
  return typeof size === 'string' ? size : undefined;
}

function filled<D extends DType>(dtype: D, count: number, next: () => number): DataOf<D> {
  const data: DataOf = allocateData(dtype, count);
  const make = makers[dtype];
  for (let index = 0; index < count; index++) data[index] = make(next());
  return data as DataOf<D>;
}

/** From 32 random bits to an element. */
type Maker = (bits: number) => never;

const zeroOrOne = (bits: number): number => bits >>> 31;
const bigZeroOrOne = (bits: number): bigint => BigInt(bits >>> 31);
/** A multiple of 1/256, so that every floating-point type holds it exactly. */
const fraction = (bits: number): number => ((bits >>> 8) % 513) / 256 - 1;

const makers = {
  float32: fraction,
  float64: fraction,
  // Any sign and fraction, with an exponent that puts it between 1/32 and 1.
  float16: (bits: number): number => (bits & 0x83ff) | ((10 + ((bits >>> 16) % 5)) << 10),
  int8: (bits: number): number => bits >> 24,
  uint8: (bits: number): number => bits >>> 24,
  int16: zeroOrOne,
  uint16: zeroOrOne,
  int32: zeroOrOne,
  uint32: zeroOrOne,
  int64: bigZeroOrOne,
  uint64: bigZeroOrOne,
  bool: zeroOrOne,
  string: (bits: number): string => (bits < 0 ? 'a' : 'b'),
} as Readonly<Record<DType, Maker>>;

/** A stream of 32 random bits at a time, by Weyl steps and two rounds of multiply and shift. */
function randomBits(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return bits ^ (bits >>> 16);
  };
}
