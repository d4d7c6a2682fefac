import { createCostModel } from '../batching/cost-model';
import { type AxisCut, createShapeFit, type ShapeFitParts } from '../batching/create-shape-fit';
import type { OpenSlab, ShapePlace } from '../batching/shape-fit';
import type { ModelSignature, TensorSpec } from '../signature';
import type { NumericDType } from '../tensor/dtype';
import { elementCount, type Tensor } from '../tensor/tensor';
import { type Admitted, compileDoor, type Door } from './door';
import { createLargerBuckets, type PricedBucket } from './larger-buckets';
import { createMaskMaker } from './mask-maker';
import { keyOfSizes, padSizes, type Sizes, sizesOf } from './request-sizes';
import { checkShapes, resolveShapes, type ShapeRules, type ShapesOption } from './shape-options';
import type { WarmUpTime } from './warm-up';
import { warmUpSizesOf } from './warm-up-sizes';

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
  /** Takes the times of that warm-up, from which it learns what each bucket costs. */
  learn(times: readonly WarmUpTime[]): void;
  describe(): ShapesDescription;
}

/** A bucket whose cost was measured. */
interface MeasuredBucket extends PricedBucket {
  readonly sizes: Sizes;
}

interface Use {
  readonly sizes: Readonly<Record<string, number | 'exact'>>;
  rows: number;
  realElements: number;
  elements: number;
}

/** What is known of requests of certain sizes. */
interface KnownSizes extends ShapePlace {
  /** Shape of one row of each input as it comes. */
  readonly rowShapes: readonly (readonly number[])[];
}

/** Sizes are the callers' choice, so what is remembered of them is bounded. */
const maxKnownSizes = 1024;

/**
 * Makes the plans of a runner's models. The names of dimensions are those of the first one; a model that takes its place
 * may call them otherwise.
 *
 * @returns a function that throws FairleadError `INVALID_OPTION` where the options do not fit the first model; undefined
 * where there are no buckets
 * @throws FairleadError `INVALID_OPTION` where they would fit none
 */
export function createShapePlanner(shapes: ShapesOption): ((signature: ModelSignature) => ShapePlan) | undefined {
  checkShapes(shapes);
  if (Object.keys(shapes).length === 0) return undefined;
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
  const measured = new Map<string, MeasuredBucket>();
  const larger = createLargerBuckets();

  /** Whether a request may be padded to the sizes of a bucket that is not its own. */
  const holds = (bucket: MeasuredBucket, real: Sizes): boolean =>
    [...real].every(([dimension, size]) => size <= (bucket.sizes.get(dimension) ?? 0));

  const know = (real: Sizes): KnownSizes => {
    const own = padSizes(rules, real);
    const ownKey = keyOfSizes(rules, own.padded);
    const others = new Map<string, ShapePlace>();
    const joinLarger = (rows: number, open: Iterable<OpenSlab>): ShapePlace | undefined => {
      const bucket = measured.get(ownKey);
      if (bucket === undefined) return undefined;
      const candidates = [...open].flatMap((slab) => {
        const candidate = measured.get(slab.layout.key);
        return candidate !== undefined && holds(candidate, real) ? [{ slab, bucket: candidate }] : [];
      });
      const key = larger.choose(bucket, rows, candidates)?.layout.key;
      if (key === undefined) return undefined;
      const place = others.get(key) ?? placeIn((measured.get(key) as MeasuredBucket).sizes);
      others.set(key, place);
      return place;
    };
    const onPlaced = (rows: number): void => {
      if (measured.has(ownKey)) larger.placed(ownKey, rows);
    };
    const placeIn = (padded: Sizes): KnownSizes => {
      const use = useOf(uses, padded === own.padded ? own.labels : [...padded]);
      return fitSizes(rules, signature, real, padded, use, { joinLarger, onPlaced });
    };
    return placeIn(own.padded);
  };

  const knownSizes = ({ shapeKey, tensors }: Admitted): KnownSizes => {
    const before = known.get(shapeKey);
    if (before !== undefined) return before;
    const sizes = know(sizesOf(rules, inputs, tensors));
    if (known.size >= maxKnownSizes) known.delete(known.keys().next().value as string);
    known.set(shapeKey, sizes);
    return sizes;
  };

  const warmUps = warmUpSizesOf(rules, inputs);
  return {
    door(given) {
      const admitted = door(given);
      const { rows } = admitted;
      const { shapeKey, fit, rowShapes } = knownSizes(admitted);
      const tensors = admitted.tensors as Tensor[];
      for (const { index, make } of masks) tensors[index] ??= make(rowShapes[index] as number[], rows);
      return { rows, tensors, shapeKey, fit };
    },
    warmUpSizes: warmUps.map(({ own }) => own),
    learn(times) {
      for (const { sizes, own } of warmUps) {
        const cost = createCostModel();
        const ofBucket = times.filter((time) => [...own].every(([symbol, size]) => time.sizes?.[symbol] === size));
        // One size alone does not tell what a row costs.
        if (ofBucket.length < 2) continue;
        for (const { rows, computeMs } of ofBucket) cost.observe(rows, computeMs);
        const key = keyOfSizes(rules, sizes);
        measured.set(key, { key, sizes, cost });
      }
    },
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

function useOf(uses: Map<string, Use>, labels: readonly (readonly [string, number | 'exact'])[]): Use {
  const key = JSON.stringify(labels);
  const use = uses.get(key) ?? { sizes: Object.fromEntries(labels), rows: 0, realElements: 0, elements: 0 };
  uses.set(key, use);
  return use;
}

/** Fits requests of certain sizes into others. */
function fitSizes(
  rules: ShapeRules,
  { inputs, outputs, batchAxis }: ModelSignature,
  real: Sizes,
  padded: Sizes,
  use: Use,
  choices: Pick<ShapeFitParts, 'joinLarger' | 'onPlaced'>,
): KnownSizes {
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
  const fit = createShapeFit({
    inputs: fitInputs,
    outputs: fitOutputs,
    ...choices,
    onAnswered(rows) {
      use.rows += rows;
      use.realElements += rows * realElements;
      use.elements += rows * elements;
    },
  });
  return { shapeKey: keyOfSizes(rules, padded), fit, rowShapes: fitInputs.map((input) => input.rowShape) };
}

function cutsOf(dimensions: readonly (string | undefined)[], real: Sizes, padded: Sizes): AxisCut[] {
  return dimensions.flatMap((dimension, axis) => {
    if (dimension === undefined) return [];
    const [realSize, paddedSize] = [real.get(dimension) as number, padded.get(dimension) as number];
    return realSize === paddedSize ? [] : [{ axis, real: realSize, padded: paddedSize }];
  });
}
