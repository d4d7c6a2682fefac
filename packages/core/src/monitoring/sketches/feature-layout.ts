import type { NumericDType } from '../../tensor/dtype';
import type { Reference, ReferenceFeature } from '../reference';

/** Where the values of one input go. */
export interface InputLayout {
  readonly name: string;
  readonly dtype: NumericDType;
  readonly width: number;
  /** Index of its first feature. */
  readonly firstFeature: number;
}

/**
 * A reference laid out flat for counting. Every feature has the same number of slots: `binSlots` for bins (a power of
 * two, so that a search takes the same few steps for all), then NaN, −∞ and +∞.
 */
export interface FeatureLayout {
  readonly inputs: readonly InputLayout[];
  readonly features: readonly ReferenceFeature[];
  /** Slots for bins of a feature; those past its last bin stay 0. */
  readonly binSlots: number;
  /** Slots of a feature. */
  readonly slots: number;
  /** log2 of `binSlots`: the steps of a search. */
  readonly searchSteps: number;
  /** `binSlots` edges a feature, ascending, filled up with +∞. */
  readonly edges: Float64Array;
  /** Rows of the reference by slot, `slots` a feature. */
  readonly counts: Float64Array;
  /** Rows of the reference. */
  readonly rows: number;
}

/** Slots after the bins: NaN, −∞, +∞, in this order. */
export const tallySlots = 3;

/** Lays out a checked reference. */
export function layOut(reference: Reference): FeatureLayout {
  const { features, rows } = reference;
  const mostBins = Math.max(...features.map(({ counts }) => counts.length));
  const searchSteps = Math.max(1, Math.ceil(Math.log2(mostBins)));
  const binSlots = 2 ** searchSteps;
  const slots = binSlots + tallySlots;
  const edges = new Float64Array(features.length * binSlots).fill(Number.POSITIVE_INFINITY);
  const counts = new Float64Array(features.length * slots);
  features.forEach((feature, index) => {
    edges.set(feature.edges, index * binSlots);
    counts.set(feature.counts, index * slots);
    counts.set([feature.missing, feature.negativeInfinity, feature.positiveInfinity], index * slots + binSlots);
  });
  let firstFeature = 0;
  const inputs = reference.inputs.map(({ name, dtype, width }) => {
    const input = { name, dtype, width, firstFeature };
    firstFeature += width;
    return input;
  });
  return { inputs, features, binSlots, slots, searchSteps, edges, counts, rows };
}
