/** Bins of equal width over confidences from 0 to 1. */
const bins = 15;

/**
 * Expected calibration error: Σ (|B| / n) · |accuracy(B) − mean confidence(B)| over bins B of equal width of the top
 * probability, from 0 (what the model says is how often it is right) to 1.
 *
 * Source: M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
 * AAAI 2015; with 15 bins as in Guo et al., arXiv 1706.04599, section 2.
 *
 * @param confidences top probabilities, 0 to 1; NaN is left out
 * @param correct whether each row was right, 1 or 0
 */
export function expectedCalibrationError(confidences: ArrayLike<number>, correct: ArrayLike<number>): number {
  const counts = new Float64Array(bins);
  const sums = new Float64Array(bins);
  const hits = new Float64Array(bins);
  let rows = 0;
  for (let row = 0; row < confidences.length; row++) {
    const confidence = confidences[row] as number;
    if (Number.isNaN(confidence)) continue;
    // Bins are open below and closed above, as in the source; 0 belongs to the first.
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
    counts[bin] = (counts[bin] as number) + 1;
    sums[bin] = (sums[bin] as number) + confidence;
    hits[bin] = (hits[bin] as number) + (correct[row] as number);
    rows++;
  }
  let error = 0;
  for (let bin = 0; bin < bins; bin++) error += Math.abs((hits[bin] as number) - (sums[bin] as number));
  return rows === 0 ? 0 : error / rows;
}
