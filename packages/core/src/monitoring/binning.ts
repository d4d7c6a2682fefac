/** The double next below a finite one; −∞ below the least. */
export function nextBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, value > 0 ? bits - 1n : bits + 1n);
  return view.getFloat64(0);
}

/** How many elements of an ascending array are at most `value`. */
function countUpTo(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Edges of quantile bins: the values at 1/bins, 2/bins, … of the sample (the inverse of its distribution function), each
 * once. A value that holds a whole bin's share of the rows gets a bin of its own by a second edge just below it.
 * Otherwise what moves from there to a lower value would stay in one bin with it and go unseen; a constant is the plain
 * case: below, equal, above.
 *
 * @param sorted finite values, ascending
 * @param bins how many bins to aim at; with such values there can be up to 2·bins − 1
 * @returns strictly ascending finite edges for bins (−∞, e₀], (e₀, e₁], … (eₖ, ∞)
 */
export function quantileEdges(sorted: Float64Array, bins: number): number[] {
  const edges: number[] = [];
  const rows = sorted.length;
  if (rows === 0) return edges;
  let last = Number.NEGATIVE_INFINITY;
  for (let level = 1; level < bins; level++) {
    const edge = sorted[Math.ceil((rows * level) / bins) - 1] as number;
    if (edge <= last) continue;
    const below = nextBelow(edge);
    const ties = countUpTo(sorted, edge) - countUpTo(sorted, below);
    if (ties * bins >= rows && below > last) edges.push(below);
    edges.push(edge === 0 ? 0 : edge);
    last = edge;
  }
  return edges;
}

/** Counts ascending finite values by the bins of their edges. */
export function countBySortedEdges(sorted: Float64Array, edges: readonly number[]): number[] {
  const counts: number[] = [];
  let before = 0;
  for (const edge of edges) {
    const upTo = countUpTo(sorted, edge);
    counts.push(upTo - before);
    before = upTo;
  }
  counts.push(sorted.length - before);
  return counts;
}
