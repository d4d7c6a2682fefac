import { type AxisCut, createShapeFit } from '../batching/create-shape-fit';
import type { Element } from '../batching/padding';
import type { ShapeFit } from '../batching/shape-fit';
import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, type NumericData, type NumericDType } from '../tensor/dtype';
import { elementCount, type Tensor } from '../tensor/tensor';
import { type Admitted, compileDoor, type Door, invalidInput, symbolKey } from './door';
import { checkShapes, resolveShapes, type ShapeOptions, type ShapeRules, type ShapesOption } from './shape-options';

/** What was computed at one combination of buckets. */
export interface ShapeUse {
  /** The bucket of each dimension; `'exact'` for a size above the largest. */
  readonly sizes: Readonly<Record<string, number | 'exact'>>;
  /** Rows that were answered. */
  readonly rows: number;
  /** Share of padding in the elements of the inputs that have such dimensions, from 0 to 1. */
  readonly paddedShare: number;
}

/** The buckets of a runner, and how well requests fit into them. */
export interface ShapesDescription {
  readonly buckets: Readonly<Record<string, readonly number[]>>;
  /** The combinations that were used so far. */
  readonly used: readonly ShapeUse[];
}

/** The buckets of one model. */
export interface ShapePlan {
  /** Admits requests and says how they are padded. */
  readonly door: Door;
  /** Sizes to warm the model up at, by its own names of the dimensions. */
  readonly warmUpSizes: readonly ReadonlyMap<string, number>[];
  describe(): ShapesDescription;
}

/** Sizes by dimension. */
type Sizes = Map<string, number>;

interface Use {
  readonly sizes: Readonly<Record<string, number | 'exact'>>;
  rows: number;
  realElements: number;
  elements: number;
}

/** What is known of requests of certain sizes. */
interface KnownSizes {
  /** Of the sizes after padding. */
  readonly shapeKey: string;
  readonly fit: ShapeFit;
  /** Shape of one row of each input as it comes. */
  readonly rowShapes: readonly (readonly number[])[];
}

/** Sizes are the callers' choice, so what is remembered of them is bounded. */
const maxKnownSizes = 1024;
/** Combinations of several dimensions' buckets that are warmed up; where there are more, each bucket is, with the largest of the others. */
const maxWarmUps = 32;
/** A mask that was left out is kept for the next request up to this many elements. */
const maxKeptMask = 65_536;

/**
 * Makes the plans of a runner's models. The names of dimensions are those of the first one; a model that takes its place
 * may call them otherwise.
 *
 * @returns a function that throws FairleadError `INVALID_OPTION` where the options do not fit the first model
 * @throws FairleadError `INVALID_OPTION` where they would fit none
 */
export function createShapePlanner(shapes: ShapesOption): (signature: ModelSignature) => ShapePlan {
  checkShapes(shapes);
  let rules: ShapeRules | undefined;
  return (signature) => {
    rules ??= resolveShapes(shapes, signature);
    return createShapePlan(rules, signature);
  };
}

function createShapePlan(rules: ShapeRules, signature: ModelSignature): ShapePlan {
  const { inputs, batchAxis } = signature;
  const door = compileDoor(signature, new Set(rules.masks.keys()));
  const masks = inputs.flatMap((spec, index) => {
    const real = rules.masks.get(spec.name);
    return real === undefined ? [] : [{ index, make: createMaskMaker(spec.dtype as NumericDType, real, batchAxis) }];
  });
  const known = new Map<string, KnownSizes>();
  const uses = new Map<string, Use>();

  const knownSizes = ({ shapeKey, tensors }: Admitted): KnownSizes => {
    const before = known.get(shapeKey);
    if (before !== undefined) return before;
    const sizes = fitSizes(rules, signature, sizesOf(rules, inputs, tensors), uses);
    if (known.size >= maxKnownSizes) known.delete(known.keys().next().value as string);
    known.set(shapeKey, sizes);
    return sizes;
  };

  return {
    door(given) {
      const admitted = door(given);
      const { rows } = admitted;
      const { shapeKey, fit, rowShapes } = knownSizes(admitted);
      const tensors = admitted.tensors as Tensor[];
      for (const { index, make } of masks) tensors[index] ??= make(rowShapes[index] as number[], rows);
      return { rows, tensors, shapeKey, fit };
    },
    warmUpSizes: warmUpSizesOf(rules, inputs),
    describe: () => ({
      buckets: Object.fromEntries([...rules.shapes].map(([dimension, { buckets }]) => [dimension, buckets])),
      used: [...uses.values()]
        .filter(({ rows }) => rows > 0)
        .map(({ sizes, rows, realElements, elements }) => ({
          sizes,
          rows,
          paddedShare: elements === 0 ? 0 : 1 - realElements / elements,
        })),
    }),
  };
}

/** The size of each dimension in a request. The door has checked what the model's own names say. */
function sizesOf(rules: ShapeRules, specs: readonly TensorSpec[], tensors: readonly (Tensor | undefined)[]): Sizes {
  const sizes: Sizes = new Map();
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

/** Finds the buckets of a request. */
function fitSizes(
  rules: ShapeRules,
  { inputs, outputs, batchAxis }: ModelSignature,
  real: Sizes,
  uses: Map<string, Use>,
): KnownSizes {
  const padded: Sizes = new Map();
  const labels: [string, number | 'exact'][] = [];
  let shapeKey = '';
  // In the order of the rules, not of the request: a mask that was left out must not make another key.
  for (const dimension of rules.dimensions) {
    const size = real.get(dimension) as number;
    const options = rules.shapes.get(dimension);
    const bucket = options?.buckets.find((candidate) => candidate >= size);
    padded.set(dimension, bucket ?? size);
    if (options !== undefined) labels.push([dimension, bucket ?? 'exact']);
    shapeKey += `${dimension}=${bucket ?? size};`;
  }
  const rowShape = ({ name, shape }: TensorSpec, sizes: Sizes): number[] =>
    shape
      .map((size, axis) => sizes.get(rules.inputDimensions.get(name)?.[axis] ?? '') ?? (size as number))
      .filter((_, axis) => axis !== batchAxis);
  const fitInputs = inputs.map((spec) => ({
    rowShape: rowShape(spec, real),
    paddedRowShape: rowShape(spec, padded),
    pad: rules.pads.get(spec.name),
  }));
  const fitOutputs = outputs.map((spec) => ({
    spec,
    cuts: cutsOf(rules.outputDimensions.get(spec.name) ?? [], real, padded),
  }));
  const bucketed = fitInputs.filter(({ pad }) => pad !== undefined);
  const total = (shapes: readonly (readonly number[])[]): number =>
    shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
  const realElements = total(bucketed.map((input) => input.rowShape));
  const elements = total(bucketed.map((input) => input.paddedRowShape));
  const useKey = JSON.stringify(labels);
  const use = uses.get(useKey) ?? { sizes: Object.fromEntries(labels), rows: 0, realElements: 0, elements: 0 };
  uses.set(useKey, use);
  const fit = createShapeFit({
    inputs: fitInputs,
    outputs: fitOutputs,
    onAnswered(rows) {
      use.rows += rows;
      use.realElements += rows * realElements;
      use.elements += rows * elements;
    },
  });
  return { shapeKey, fit, rowShapes: fitInputs.map((input) => input.rowShape) };
}

function cutsOf(dimensions: readonly (string | undefined)[], real: Sizes, padded: Sizes): AxisCut[] {
  return dimensions.flatMap((dimension, axis) => {
    if (dimension === undefined) return [];
    const [realSize, paddedSize] = [real.get(dimension) as number, padded.get(dimension) as number];
    return realSize === paddedSize ? [] : [{ axis, real: realSize, padded: paddedSize }];
  });
}

/** Makes masks that say that everything is real. */
function createMaskMaker(
  dtype: NumericDType,
  real: Element,
  batchAxis: number | null,
): (rowShape: readonly number[], rows: number) => Tensor {
  let kept = allocateData(dtype, 0);
  const elements = (count: number): NumericData => {
    if (count <= kept.length) return kept.subarray(0, count);
    const made = allocateData(dtype, count);
    (made as Float32Array).fill(real as number);
    if (count <= maxKeptMask) kept = made;
    return made;
  };
  return (rowShape, rows) => {
    const shape = batchAxis === null ? rowShape : [rows, ...rowShape];
    return {
      dtype,
      shape,
      // Made when it is copied: by then the request has passed the limits of the queue.
      get data() {
        return elements(elementCount(shape));
      },
    };
  };
}

function warmUpSizesOf(rules: ShapeRules, inputs: readonly TensorSpec[]): ReadonlyMap<string, number>[] {
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
  return combinations.map((chosen) => ownNames(rules, inputs, new Map(chosen)));
}

/** Sizes by a model's own names for its dimensions. */
function ownNames(rules: ShapeRules, inputs: readonly TensorSpec[], sizes: Sizes): Sizes {
  const own: Sizes = new Map();
  for (const spec of inputs) {
    for (const [axis, dimension] of (rules.inputDimensions.get(spec.name) ?? []).entries()) {
      const size = dimension === undefined ? undefined : sizes.get(dimension);
      const symbol = spec.shape[axis];
      if (size !== undefined && typeof symbol === 'string') own.set(symbolKey(spec, axis, symbol), size);
    }
  }
  return own;
}
