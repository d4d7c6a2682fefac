import type { TensorSpec } from '../signature';
import type { Tensor } from '../tensor/tensor';
import { invalidInput } from './door';
import type { ShapeOptions, ShapeRules } from './shape-options';

/** Sizes by dimension. */
export type Sizes = ReadonlyMap<string, number>;

/**
 * The size of each dimension in a request. The door has checked what the model's own names say.
 * @throws FairleadError `INVALID_INPUT` where the runner's names say more, or a size has no bucket
 */
export function sizesOf(
  rules: ShapeRules,
  specs: readonly TensorSpec[],
  tensors: readonly (Tensor | undefined)[],
): Sizes {
  const sizes = new Map<string, number>();
  for (const [index, { name }] of specs.entries()) {
    const shape = tensors[index]?.shape;
    if (shape === undefined) continue;
    for (const [axis, dimension] of (rules.inputDimensions.get(name) ?? []).entries()) {
      if (dimension === undefined) continue;
      const size = shape[axis] as number;
      const before = sizes.get(dimension);
      if (before !== undefined && before !== size) {
        throw invalidInput(
          `${name}.shape`,
          `${before} for dimension "${dimension}", as in the inputs before it`,
          `${size}`,
        );
      }
      if (before === undefined) checkSize(name, dimension, size, rules.shapes.get(dimension));
      sizes.set(dimension, size);
    }
  }
  return sizes;
}

function checkSize(input: string, dimension: string, size: number, options: ShapeOptions | undefined): void {
  if (options === undefined) return;
  if (size === 0) throw invalidInput(`${input}.shape`, `1 or more for dimension "${dimension}", which is padded`, '0');
  const largest = options.buckets.at(-1) as number;
  if (options.beyond === 'refuse' && size > largest) {
    throw invalidInput(
      `${input}.shape`,
      `at most ${largest} for dimension "${dimension}", its largest bucket in "shapes"`,
      `${size}`,
    );
  }
}

/** What a request's sizes become. */
export interface PaddedSizes {
  readonly padded: Sizes;
  /** The bucket of each dimension that has some; `'exact'` where a size is above the largest. */
  readonly labels: readonly (readonly [dimension: string, bucket: number | 'exact'])[];
}

/** Finds the buckets of a request. */
export function padSizes(rules: ShapeRules, real: Sizes): PaddedSizes {
  const padded = new Map<string, number>();
  const labels: [string, number | 'exact'][] = [];
  for (const dimension of rules.dimensions) {
    const size = real.get(dimension) as number;
    const options = rules.shapes.get(dimension);
    const bucket = options?.buckets.find((candidate) => candidate >= size);
    padded.set(dimension, bucket ?? size);
    if (options !== undefined) labels.push([dimension, bucket ?? 'exact']);
  }
  return { padded, labels };
}

/**
 * The key of what may share a batch. In the order of the rules, not of the request: a mask that was left out must not
 * make another one.
 */
export function keyOfSizes(rules: ShapeRules, sizes: Sizes): string {
  let key = '';
  for (const dimension of rules.dimensions) key += `${dimension}=${sizes.get(dimension)};`;
  return key;
}
