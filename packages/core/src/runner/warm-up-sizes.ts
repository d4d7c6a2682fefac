import type { TensorSpec } from '../signature';
import { symbolKey } from './door';
import type { ShapeRules } from './shape-options';

/** Combinations of several dimensions' buckets that are warmed up; where there are more, each bucket is, with the largest of the others. */
const maxWarmUps = 32;

/** One combination of buckets. */
export interface WarmUpSizes {
  /** By the runner's names of dimensions. */
  readonly sizes: ReadonlyMap<string, number>;
  /** By the model's own names. */
  readonly own: ReadonlyMap<string, number>;
}

/** Sizes at which a model is warmed up; the largest come last. */
export function warmUpSizesOf(rules: ShapeRules, inputs: readonly TensorSpec[]): WarmUpSizes[] {
  const all = [...rules.shapes].map(([dimension, { buckets }]) =>
    buckets.map((bucket) => [dimension, bucket] as const),
  );
  const largest = all.map((buckets) => buckets.at(-1) as readonly [string, number]);
  const count = all.reduce((product, { length }) => product * length, 1);
  const combinations =
    count <= maxWarmUps
      ? all.reduce<(readonly [string, number])[][]>(
          (before, buckets) => before.flatMap((chosen) => buckets.map((bucket) => [...chosen, bucket])),
          [[]],
        )
      : [
          ...all.flatMap((buckets, index) =>
            buckets.slice(0, -1).map((bucket) => largest.map((entry, at) => (at === index ? bucket : entry))),
          ),
          largest,
        ];
  return combinations.map((chosen) => {
    const sizes = new Map(chosen);
    return { sizes, own: ownNames(rules, inputs, sizes) };
  });
}

/** Sizes by a model's own names for its dimensions. */
function ownNames(
  rules: ShapeRules,
  inputs: readonly TensorSpec[],
  sizes: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const own = new Map<string, number>();
  for (const spec of inputs) {
    for (const [axis, dimension] of (rules.inputDimensions.get(spec.name) ?? []).entries()) {
      const size = dimension === undefined ? undefined : sizes.get(dimension);
      const symbol = spec.shape[axis];
      if (size !== undefined && typeof symbol === 'string') own.set(symbolKey(spec, axis, symbol), size);
    }
  }
  return own;
}
