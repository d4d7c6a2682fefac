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
 * A reference laid out flat for counting. Every feature has the same number of slots: `binSlots` for bins, then NaN, −∞ and +∞.
 */
export interface FeatureLayout {
  readonly inputs: readonly InputLayout[];
  readonly features: readonly ReferenceFeature[];
  /** Slots for bins of a feature; those past its last bin stay 0. */
  readonly binSlots: number;
  /** Slots of a feature. */
  readonly slots: number;
  /** `binSlots` edges a feature, ascending, filled up with +∞. */
  readonly edges: Float64Array;
  /** A grid over each feature's edges, so that a search begins close to its end: see {@link gridCells}. */
  readonly grid: EdgeGrid;
  /** Rows of the reference by slot, `slots` a feature. */
  readonly counts: Float64Array;
  /** Rows of the reference. */
  readonly rows: number;
}

/** Cells of a feature's grid. */
export const gridCells = 64;

/**
 * Cuts the stretch from the first to the last edge of a feature into {@link gridCells} equal cells and knows for each the bin at
 * its beginning. A value's bin is found from there by looking at the next edges: rarely more than one.
 */
export interface EdgeGrid {
  /** The first edge of each feature. */
  readonly origins: Float64Array;
  /** Cells in a unit of the feature's values; 0 where there is no stretch. */
  readonly scales: Float64Array;
  /** `gridCells` a feature: edges below the cell's beginning. */
  readonly bins: Uint16Array;
}

function gridOf(edges: Float64Array, binSlots: number, features: readonly ReferenceFeature[]): EdgeGrid {
  const origins = new Float64Array(features.length);
  const scales = new Float64Array(features.length);
  const bins = new Uint16Array(features.length * gridCells);
  features.forEach((feature, index) => {
    const count = feature.edges.length;
    const first = feature.edges[0] ?? 0;
    const scale = gridCells / ((feature.edges[count - 1] ?? 0) - first);
    origins[index] = first;
    // A stretch that is too short or too long for a double has no cells; then the search begins at the first edge.
    if (!(scale > 0 && scale < Number.MAX_VALUE)) return;
    scales[index] = scale;
    let bin = 0;
    for (let cell = 0; cell < gridCells; cell++) {
      // By the very arithmetic that finds a value's cell, so that rounding cannot put an edge behind its search.
      while (bin < count && ((edges[index * binSlots + bin] as number) - first) * scale < cell) bin++;
      bins[index * gridCells + cell] = bin;
    }
  });
  return { origins, scales, bins };
}

/** Slots after the bins: NaN, −∞, +∞, in this order. */
export const tallySlots = 3;

/** Lays out a checked reference. */
export function layOut(reference: Reference): FeatureLayout {
  const { features, rows } = reference;
  const mostBins = Math.max(...features.map(({ counts }) => counts.length));
  // One more than bins, so that the last edge of every feature is +∞ and ends a search.
  const binSlots = mostBins;
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
  return { inputs, features, binSlots, slots, edges, grid: gridOf(edges, binSlots, features), counts, rows };
}
