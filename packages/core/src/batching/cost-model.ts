/** What a batch size has cost lately. */
export interface SizeCost {
  /** Mean rows of the batches of this class; classes are 1, 2, 3–4, 5–8, 9–16 … */
  readonly rows: number;
  /** Milliseconds: a robust moving average. */
  readonly meanMs: number;
  /** Milliseconds: a moving 95th percentile. */
  readonly p95Ms: number;
  readonly batches: number;
}

/** How long a batch takes, learned from batches: T(b) = α + β·b, corrected by what each size really took. */
export interface CostModel {
  /** Milliseconds of a batch of no rows, α ≥ 0. */
  readonly fixedMs: number;
  /** Milliseconds of one more row, β ≥ 0. */
  readonly msPerRow: number;
  /** Whether anything was observed yet. */
  readonly known: boolean;
  /** Learns from a batch of `rows` rows that took `ms` milliseconds. */
  observe(rows: number, ms: number): void;
  /** Expected milliseconds of a batch of `rows` rows; 0 while nothing is known. */
  predictMs(rows: number): number;
  /** Milliseconds that a batch of `rows` rows stays under 19 times in 20. */
  predictP95Ms(rows: number): number;
  /**
   * The smallest batch, of 1, 2, 4 … `maxRows` rows, with at least `share` of the best rows a millisecond.
   * @param overheadMs milliseconds that a batch costs beside what was observed
   */
  knee(maxRows: number, share: number, overheadMs?: number): number;
  sizes(): SizeCost[];
}

interface SizeClass {
  rows: number;
  meanMs: number;
  /** Moving mean of the absolute deviation, in milliseconds. */
  deviationMs: number;
  p95Ms: number;
  batches: number;
  /** Batches that it counts for: at most `fullWeight`, at least 1, and fewer the longer it was not observed. */
  weight: number;
}

/** Weight of the newest batch in the moving averages. */
const step = 0.1;
/** A batch that is further off than this many deviations counts as if it were just so far: one stall teaches nothing. */
const clipDeviations = 3;
/** A class weighs no more than this many batches. */
const fullWeight = 20;
/** From this many batches on, a class corrects the line by all that it is off. */
const trustedFrom = 4;
/** What a class that was not observed keeps of its weight at each observation of another: old stalls are forgotten. */
const keptWeight = 0.995;

/** Makes a cost model that knows nothing yet. */
export function createCostModel(): CostModel {
  const classes: (SizeClass | undefined)[] = [];
  let fixedMs = 0;
  let msPerRow = 0;
  let known = false;
  /** Whether something was observed since the line was fitted: batches are many, and questions few. */
  let isStale = false;

  const refit = (): void => {
    if (!isStale) return;
    isStale = false;
    const line = fitLine(classes);
    fixedMs = line.fixedMs;
    msPerRow = line.msPerRow;
  };

  /** The line, times the factor by which the class of that size is off it, as far as it has been seen. In one piece: it is asked for each request. */
  const predictMs = (rows: number): number => {
    refit();
    const ms = fixedMs + msPerRow * rows;
    const own = classes[classOf(rows)];
    if (own === undefined) return ms;
    const expected = fixedMs + msPerRow * own.rows;
    return expected <= 0 ? ms : ms * (1 + Math.min(1, own.weight / trustedFrom) * (own.meanMs / expected - 1));
  };

  return {
    get fixedMs() {
      refit();
      return fixedMs;
    },
    get msPerRow() {
      refit();
      return msPerRow;
    },
    get known() {
      return known;
    },
    observe(rows, ms) {
      if (!(rows > 0) || !(ms >= 0) || !Number.isFinite(ms)) return;
      const index = classOf(rows);
      const seen = classes[index];
      if (seen === undefined) {
        classes[index] = { rows, meanMs: ms, deviationMs: ms / 4, p95Ms: ms, batches: 1, weight: 1 };
      } else learn(seen, rows, ms);
      for (const other of classes) {
        if (other !== undefined && other !== seen) other.weight = Math.max(1, other.weight * keptWeight);
      }
      known = true;
      isStale = true;
    },
    predictMs,
    predictP95Ms(rows) {
      const own = classes[classOf(rows)];
      const spread = own === undefined || own.meanMs <= 0 ? 1 : own.p95Ms / own.meanMs;
      return predictMs(rows) * Math.max(1, spread);
    },
    knee(maxRows, share, overheadMs = 0) {
      if (!known) return maxRows;
      const candidates = sizesUpTo(maxRows);
      const rates = candidates.map((rows) => rows / Math.max(overheadMs + predictMs(rows), Number.MIN_VALUE));
      const best = Math.max(...rates);
      return candidates[rates.findIndex((rate) => rate >= share * best)] ?? maxRows;
    },
    sizes: () =>
      classes
        .filter((size) => size !== undefined)
        .map(({ rows, meanMs, p95Ms, batches }) => ({ rows, meanMs, p95Ms, batches })),
  };
}

/** 1, 2, 4 … and the largest size itself. */
export function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) sizes.push(rows);
  sizes.push(maxRows);
  return sizes;
}

/** Of 1, 2, 3–4, 5–8 rows and so on: 0, 1, 2, 3. */
function classOf(rows: number): number {
  return 32 - Math.clz32(Math.ceil(rows) - 1);
}

function learn(size: SizeClass, rows: number, ms: number): void {
  // The first few batches are averaged plainly, so that one slow beginning fades quickly.
  const weight = Math.max(step, 1 / (size.batches + 1));
  const limit = clipDeviations * Math.max(size.deviationMs, size.meanMs * 0.01);
  const off = ms - size.meanMs;
  const clipped = Math.max(-limit, Math.min(limit, off));
  size.rows += weight * (rows - size.rows);
  size.meanMs += weight * clipped;
  size.deviationMs += weight * (Math.min(Math.abs(off), 2 * limit) - size.deviationMs);
  // A quantile by stochastic approximation: up by .95 of a step above it, down by .05 below it.
  size.p95Ms += weight * 2 * Math.max(size.deviationMs, size.meanMs * 0.01) * (ms > size.p95Ms ? 0.95 : -0.05);
  size.p95Ms = Math.max(size.p95Ms, size.meanMs);
  size.batches++;
  size.weight = Math.min(fullWeight, size.weight + 1);
}

/** Weighted least squares of T(b) = α + β·b over the classes, with neither below 0. */
function fitLine(classes: readonly (SizeClass | undefined)[]): { fixedMs: number; msPerRow: number } {
  let [weights, x, y, xx, xy] = [0, 0, 0, 0, 0];
  for (const size of classes) {
    if (size === undefined) continue;
    // Relative errors count, not absolute ones: a small batch must be predicted as well as a large one.
    const weight = size.weight / Math.max(size.meanMs * size.meanMs, 1e-12);
    weights += weight;
    x += weight * size.rows;
    y += weight * size.meanMs;
    xx += weight * size.rows * size.rows;
    xy += weight * size.rows * size.meanMs;
  }
  const determinant = weights * xx - x * x;
  if (determinant <= weights * xx * 1e-9) return { fixedMs: y / weights, msPerRow: 0 };
  const slope = (weights * xy - x * y) / determinant;
  const intercept = (y - slope * x) / weights;
  if (slope < 0) return { fixedMs: y / weights, msPerRow: 0 };
  if (intercept < 0) return { fixedMs: 0, msPerRow: xy / xx };
  return { fixedMs: intercept, msPerRow: slope };
}
