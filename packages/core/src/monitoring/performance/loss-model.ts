import { FairleadError } from '../../errors';
import { createRandom } from '../random';
import { LossTally } from './losses';

/*
 * Direct loss estimation: a model that learnt from labelled rows how large the error is to be expected at a row, so that
 * its mean over rows without labels is their expected loss. It is boosted by gradient on small trees over quantile bins,
 * on the squared difference from the loss, stopped where rows set aside no longer gain.
 */

/** A tree of two levels at most: `feature[node]` and `bin[node]` of three nodes (0 the root, 1 and 2 below), values of four leaves. */
export interface LossTree {
  /** Index of the feature that a node asks for. */
  readonly feature: readonly number[];
  /** A row goes left where its bin is at most this. */
  readonly bin: readonly number[];
  /** What the leaves add, from left to right. */
  readonly leaves: readonly number[];
}

/** A fitted model of a loss. */
export interface LossModel {
  /** Where every row starts: the mean loss. */
  readonly base: number;
  /** Ascending edges of the bins of each feature; bin b holds values above edge b−1, up to edge b. */
  readonly edges: readonly (readonly number[])[];
  readonly trees: readonly LossTree[];
  /** Variance of the loss around what the model expected, on rows set aside. */
  readonly residualVariance: number;
  /** Mean of the same; what the model errs by on the whole. */
  readonly bias: number;
  /** Rows that were set aside. */
  readonly heldOutRows: number;
}

/** Most bins of a feature. */
const mostBins = 32;
const mostTrees = 200;
const learningRate = 0.1;
/** Trees without a gain on the rows set aside after which fitting ends. */
const patience = 15;
/** Fewest rows of a leaf. */
const fewestInLeaf = 20;
/** Every so manieth row is set aside. */
const heldOutShare = 0.25;

/** Fewest rows that a loss model is fitted on. */
export const fewestLossRows = 200;

/**
 * Fits a model of a loss.
 *
 * @param features rows · width values, row after row; NaN lies in a bin of its own, above all others
 * @param losses one for each row, finite
 * @param seed decides which rows are set aside
 * @throws FairleadError `INVALID_INPUT` for fewer rows than {@link fewestLossRows}
 */
export function fitLossModel(
  features: Float64Array,
  width: number,
  losses: ArrayLike<number>,
  seed: number,
): LossModel {
  const rows = losses.length;
  if (rows < fewestLossRows) {
    throw new FairleadError(
      'INVALID_INPUT',
      `rows: expected at least ${fewestLossRows} labelled rows with features to learn the size of errors, given ${rows}. Give more, or leave the features out.`,
      { details: { field: 'rows', expected: `at least ${fewestLossRows}`, given: String(rows) } },
    );
  }
  const random = createRandom(seed);
  const training: number[] = [];
  const heldOut: number[] = [];
  for (let row = 0; row < rows; row++) (random() < heldOutShare ? heldOut : training).push(row);

  const edges = Array.from({ length: width }, (_, feature) => edgesOf(features, width, feature, training));
  const bins = new Uint8Array(rows * width);
  for (let i = 0; i < bins.length; i++) bins[i] = binOf(edges[i % width] as number[], features[i] as number);

  const base = mean(training, losses);
  const expected = new Float64Array(rows).fill(base);
  const trees: LossTree[] = [];
  let best = { error: squaredError(heldOut, losses, expected), trees: 0 };
  while (trees.length < mostTrees && trees.length - best.trees < patience) {
    const tree = fitTree(bins, width, edges, training, losses, expected);
    if (tree === undefined) break;
    trees.push(tree);
    for (let row = 0; row < rows; row++) expected[row] = (expected[row] as number) + leafOf(tree, bins, row * width);
    const error = squaredError(heldOut, losses, expected);
    // A gain below a ten-thousandth is chance.
    if (error < best.error * (1 - 1e-4)) best = { error, trees: trees.length };
  }
  const model = {
    base,
    edges,
    trees: trees.slice(0, best.trees),
    residualVariance: 0,
    bias: 0,
    heldOutRows: heldOut.length,
  };
  const residuals = new LossTally();
  for (const row of heldOut) {
    residuals.add((losses[row] as number) - expectedLoss(model, features.subarray(row * width, (row + 1) * width)));
  }
  const result = residuals.result();
  return {
    ...model,
    residualVariance: (result?.variance ?? 0) * heldOut.length,
    bias: result?.mean ?? 0,
  };
}

/** The loss to be expected at a row. */
export function expectedLoss(model: LossModel, row: ArrayLike<number>): number {
  const bins = Uint8Array.from(model.edges, (edges, feature) => binOf(edges, row[feature] as number));
  let loss = model.base;
  for (const tree of model.trees) loss += leafOf(tree, bins, 0);
  return Math.max(0, loss);
}

function mean(rows: readonly number[], values: ArrayLike<number>): number {
  let sum = 0;
  for (const row of rows) sum += values[row] as number;
  return sum / rows.length;
}

function squaredError(rows: readonly number[], losses: ArrayLike<number>, expected: Float64Array): number {
  let sum = 0;
  for (const row of rows) sum += ((losses[row] as number) - (expected[row] as number)) ** 2;
  return sum;
}

function edgesOf(features: Float64Array, width: number, feature: number, rows: readonly number[]): number[] {
  const values = Float64Array.from(rows, (row) => features[row * width + feature] as number).filter(
    (value) => !Number.isNaN(value),
  );
  values.sort();
  const edges: number[] = [];
  for (let bin = 1; bin < mostBins; bin++) {
    const edge = values[Math.floor((bin * values.length) / mostBins)];
    // An edge at the greatest value would part nothing.
    if (edge === undefined || edge >= (values.at(-1) as number)) break;
    if (edges.length === 0 || edge > (edges.at(-1) as number)) edges.push(edge);
  }
  return edges;
}

function binOf(edges: readonly number[], value: number): number {
  if (Number.isNaN(value)) return edges.length + 1;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= (edges[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function leafOf({ feature, bin, leaves }: LossTree, bins: Uint8Array, start: number): number {
  const goesRight = (node: number): number =>
    (bins[start + (feature[node] as number)] as number) > (bin[node] as number) ? 1 : 0;
  const side = goesRight(0);
  return leaves[side * 2 + goesRight(1 + side)] as number;
}

interface Split {
  readonly feature: number;
  readonly bin: number;
}

/** A tree on what is left of the losses; `undefined` where no split gains anything. */
function fitTree(
  bins: Uint8Array,
  width: number,
  edges: readonly (readonly number[])[],
  rows: readonly number[],
  losses: ArrayLike<number>,
  expected: Float64Array,
): LossTree | undefined {
  const residual = (row: number): number => (losses[row] as number) - (expected[row] as number);
  const root = bestSplit(bins, width, edges, rows, residual);
  if (root === undefined) return undefined;
  const feature = [root.feature];
  const bin = [root.bin];
  const leaves: number[] = [];
  for (const side of partRows(bins, width, rows, root)) {
    // Where nothing more is gained, both leaves are one: every row of a bin above all goes left.
    const split = bestSplit(bins, width, edges, side, residual) ?? { feature: 0, bin: mostBins };
    feature.push(split.feature);
    bin.push(split.bin);
    for (const leaf of partRows(bins, width, side, split)) {
      leaves.push(
        leaf.length === 0 ? 0 : (learningRate * leaf.reduce((sum, row) => sum + residual(row), 0)) / leaf.length,
      );
    }
  }
  return { feature, bin, leaves };
}

function partRows(
  bins: Uint8Array,
  width: number,
  rows: readonly number[],
  { feature, bin }: Split,
): [number[], number[]] {
  const left: number[] = [];
  const right: number[] = [];
  for (const row of rows) ((bins[row * width + feature] as number) > bin ? right : left).push(row);
  return [left, right];
}

/** The split that takes most from the squared error, by histograms of the bins. */
function bestSplit(
  bins: Uint8Array,
  width: number,
  edges: readonly (readonly number[])[],
  rows: readonly number[],
  residual: (row: number) => number,
): Split | undefined {
  let best: (Split & { readonly gain: number }) | undefined;
  const sums = new Float64Array(mostBins + 2);
  const counts = new Float64Array(mostBins + 2);
  for (let feature = 0; feature < width; feature++) {
    sums.fill(0);
    counts.fill(0);
    let total = 0;
    for (const row of rows) {
      const bin = bins[row * width + feature] as number;
      const value = residual(row);
      sums[bin] = (sums[bin] as number) + value;
      counts[bin] = (counts[bin] as number) + 1;
      total += value;
    }
    let left = 0;
    let leftRows = 0;
    for (let bin = 0; bin <= (edges[feature] as readonly number[]).length; bin++) {
      left += sums[bin] as number;
      leftRows += counts[bin] as number;
      const rightRows = rows.length - leftRows;
      if (leftRows < fewestInLeaf || rightRows < fewestInLeaf) continue;
      const gain = (left * left) / leftRows + (total - left) ** 2 / rightRows - (total * total) / rows.length;
      if (gain > 1e-12 && (best === undefined || gain > best.gain)) best = { feature, bin, gain };
    }
  }
  return best;
}
