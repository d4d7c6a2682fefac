/*
 * Counts of positive numbers by their logarithm, read off the bits of the number: its exponent and the first six bits of
 * its mantissa. An octave has 64 bins of equal width, so that the middle of a bin differs from what lies in it by 1/128 at
 * most, relative to the value.
 */

/** What is answered for a value differs from it by this part of it at most. */
export const quantileRelativeError = 1 / 128;

/** Most bins of a slice: 32 octaves, so that values may differ by a factor of 4·10⁹ before the smallest run together. */
const maxBins = 2048;
const growth = 64;
const shift = 14;
const bits = new DataView(new ArrayBuffer(8));

/** Below the smallest number with full precision a value counts as 0, whose bin is 0. */
const smallest = 2 ** -1022;

function binOf(value: number): number {
  if (value < smallest) return 0;
  bits.setFloat64(0, value);
  return bits.getUint32(0) >>> shift;
}

function lowerBound(bin: number): number {
  bits.setUint32(0, bin << shift);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

function middleOf(bin: number): number {
  if (bin === 0) return 0;
  const lower = lowerBound(bin);
  const upper = lowerBound(bin + 1);
  return upper < Number.POSITIVE_INFINITY ? lower + (upper - lower) / 2 : lower;
}

/** Counts by bin, in memory that grows with the spread of the values up to a limit. */
export class QuantileBins {
  #zeros = 0;
  #first = 0;
  #counts = new Float64Array(0);

  /** Counts a value of 0 or more. Allocates only when values spread further than ever before. */
  add(value: number): void {
    this.addBin(binOf(value), 1);
  }

  addBin(bin: number, times: number): void {
    if (bin === 0) {
      this.#zeros += times;
      return;
    }
    if (bin < this.#first || bin >= this.#first + this.#counts.length) this.#makeRoom(bin);
    (this.#counts[Math.max(0, bin - this.#first)] as number) += times;
  }

  clear(): void {
    this.#zeros = 0;
    this.#counts.fill(0);
  }

  /** Adds all counts to others, by bin. */
  addTo(counts: Map<number, number>): void {
    if (this.#zeros > 0) counts.set(0, (counts.get(0) ?? 0) + this.#zeros);
    for (let index = 0; index < this.#counts.length; index++) {
      const count = this.#counts[index] as number;
      if (count === 0) continue;
      const bin = this.#first + index;
      counts.set(bin, (counts.get(bin) ?? 0) + count);
    }
  }

  /** Makes room for a bin; past the limit the lowest bins become one. */
  #makeRoom(bin: number): void {
    const { length } = this.#counts;
    const low = length === 0 ? bin : Math.min(this.#first, bin);
    const high = length === 0 ? bin : Math.max(this.#first + length - 1, bin);
    const from = Math.floor(low / growth) * growth;
    const size = (Math.floor(high / growth) + 1) * growth - from;
    const first = from + Math.max(0, size - maxBins);
    const counts = new Float64Array(Math.min(size, maxBins));
    for (let index = 0; index < length; index++) {
      (counts[Math.max(0, this.#first + index - first)] as number) += this.#counts[index] as number;
    }
    this.#first = first;
    this.#counts = counts;
  }
}

/** Quantiles of counts by bin: of each the value of rank ⌈q·n⌉, to within {@link quantileRelativeError}; NaN of none. */
export function quantilesOf(counts: ReadonlyMap<number, number>, quantiles: readonly number[]): number[] {
  const bins = [...counts].sort(([a], [b]) => a - b);
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  return quantiles.map((quantile) => {
    const rank = Math.max(1, Math.ceil(quantile * total));
    let below = 0;
    for (const [bin, count] of bins) {
      below += count;
      if (below >= rank) return middleOf(bin);
    }
    return Number.NaN;
  });
}
