import { LossTally } from './losses';
import { orderOf } from './ranking';

/**
 * How rows are binned for a calibration error: `width`, bins of equal width over [0, 1], the last one closed; `mass`, bins
 * of equally many rows in the order of their probabilities (bin b holds the rows from ⌊b·n/bins⌋).
 */
export type CalibrationBinning = 'width' | 'mass';

/** One bin of a reliability diagram. */
export interface CalibrationBin {
  readonly rows: number;
  /** Mean probability that was given. */
  readonly meanProbability: number;
  /** Share of rows where it came true. */
  readonly shareTrue: number;
}

/** An expected calibration error, with its bins that hold rows. */
export interface CalibrationError {
  /** Σ over the bins of (rows of the bin / rows) · |mean probability − share that came true|. */
  readonly value: number;
  /**
   * Variance of the value by the delta method, with the side on which each bin errs taken as known. It says nothing of
   * the value's upward bias, which {@link CalibrationError.floor} estimates.
   */
  readonly variance: number;
  /** About what this error would be, on as many rows in as many bins, if the probabilities were right. */
  readonly floor: number;
  readonly bins: readonly CalibrationBin[];
}

/**
 * The expected calibration error of probabilities.
 *
 * @param probabilities 0 to 1
 * @param outcomes 1 where what the probability was given to came true, else 0
 * @param bins 1 or more
 * @returns `undefined` where there is no row
 */
export function calibrationError(
  probabilities: ArrayLike<number>,
  outcomes: ArrayLike<number>,
  bins: number,
  binning: CalibrationBinning = 'width',
): CalibrationError | undefined {
  const rows = probabilities.length;
  if (rows === 0) return undefined;
  const binOf = binning === 'width' ? widthBins(probabilities, bins) : massBins(probabilities, bins);
  const counts = new Float64Array(bins);
  const given = new Float64Array(bins);
  const came = new Float64Array(bins);
  const variances = new Float64Array(bins);
  for (let row = 0; row < rows; row++) {
    const bin = binOf[row] as number;
    const probability = probabilities[row] as number;
    counts[bin] = (counts[bin] as number) + 1;
    given[bin] = (given[bin] as number) + probability;
    came[bin] = (came[bin] as number) + (outcomes[row] as number);
    variances[bin] = (variances[bin] as number) + probability * (1 - probability);
  }
  let value = 0;
  let floor = 0;
  const filled: CalibrationBin[] = [];
  for (let bin = 0; bin < bins; bin++) {
    const count = counts[bin] as number;
    if (count === 0) continue;
    value += Math.abs((given[bin] as number) - (came[bin] as number)) / rows;
    // The mean of |Z| of a standard normal Z is √(2/π).
    floor += Math.sqrt((2 / Math.PI) * (variances[bin] as number)) / rows;
    filled.push({
      rows: count,
      meanProbability: (given[bin] as number) / count,
      shareTrue: (came[bin] as number) / count,
    });
  }
  const influences = new LossTally();
  for (let row = 0; row < rows; row++) {
    const bin = binOf[row] as number;
    const side = Math.sign((given[bin] as number) - (came[bin] as number));
    influences.add(side * ((probabilities[row] as number) - (outcomes[row] as number)));
  }
  return { value, variance: influences.result()?.variance ?? 0, floor, bins: filled };
}

function widthBins(probabilities: ArrayLike<number>, bins: number): Uint16Array {
  return Uint16Array.from(probabilities, (probability) => Math.min(bins - 1, Math.floor(probability * bins)));
}

function massBins(probabilities: ArrayLike<number>, bins: number): Uint16Array {
  const order = orderOf(probabilities);
  const rows = order.length;
  const binOf = new Uint16Array(rows);
  for (let bin = 0; bin < bins; bin++) {
    const end = Math.floor(((bin + 1) * rows) / bins);
    for (let place = Math.floor((bin * rows) / bins); place < end; place++) binOf[order[place] as number] = bin;
  }
  return binOf;
}
