/** Mean and spread of a loss over rows. */
export interface MeanLoss {
  readonly mean: number;
  /** Variance of the mean: that of the losses (by n − 1) over their number. */
  readonly variance: number;
  readonly rows: number;
}

/** Running mean and spread (Welford). */
export class LossTally {
  #rows = 0;
  #mean = 0;
  #squares = 0;

  add(loss: number): void {
    this.#rows++;
    const before = loss - this.#mean;
    this.#mean += before / this.#rows;
    this.#squares += before * (loss - this.#mean);
  }

  /** `undefined` where nothing was added. */
  result(): MeanLoss | undefined {
    if (this.#rows === 0) return undefined;
    const variance = this.#rows < 2 ? 0 : this.#squares / (this.#rows - 1) / this.#rows;
    return { mean: this.#mean, variance, rows: this.#rows };
  }
}

/** The least probability that a log loss takes; below it, it would be infinite. The same as scikit-learn's for doubles. */
export const leastProbability = 2 ** -52;

/** −ln of the probability that the actual class was given, kept away from 0 and 1 by 2⁻⁵². */
export function logLossOf(probability: number): number {
  return -Math.log(Math.min(1 - leastProbability, Math.max(leastProbability, probability)));
}

/** Errors of a regression over rows. */
export interface RegressionErrors {
  readonly mae: MeanLoss;
  /** The mean squared error; its root is the RMSE. */
  readonly mse: MeanLoss;
  /** Coefficient of determination and its variance; `undefined` where all actual values are one. */
  readonly r2: { readonly value: number; readonly variance: number } | undefined;
  /** Mean absolute error as a share of the actual value, over rows whose actual value is not 0. */
  readonly mape: MeanLoss | undefined;
}

/**
 * Errors of predicted values. Variances are those of the delta method.
 *
 * @param actual finite
 * @param predicted finite, as many
 * @returns `undefined` where there is no row
 */
export function regressionErrors(
  actual: ArrayLike<number>,
  predicted: ArrayLike<number>,
): RegressionErrors | undefined {
  const rows = actual.length;
  const absolute = new LossTally();
  const squared = new LossTally();
  const share = new LossTally();
  const values = new LossTally();
  for (let row = 0; row < rows; row++) {
    const value = actual[row] as number;
    const error = value - (predicted[row] as number);
    absolute.add(Math.abs(error));
    squared.add(error * error);
    values.add(value);
    if (value !== 0) share.add(Math.abs(error / value));
  }
  const mae = absolute.result();
  const mse = squared.result();
  const value = values.result();
  if (mae === undefined || mse === undefined || value === undefined) return undefined;
  return { mae, mse, r2: determination(actual, predicted, mse.mean, value.mean), mape: share.result() };
}

function determination(actual: ArrayLike<number>, predicted: ArrayLike<number>, mse: number, mean: number) {
  const rows = actual.length;
  let total = 0;
  for (let row = 0; row < rows; row++) total += ((actual[row] as number) - mean) ** 2;
  if (total === 0) return undefined;
  const spread = total / rows;
  const influences = new LossTally();
  for (let row = 0; row < rows; row++) {
    const error = (actual[row] as number) - (predicted[row] as number);
    influences.add((mse * ((actual[row] as number) - mean) ** 2) / (spread * spread) - (error * error) / spread);
  }
  return { value: 1 - mse / spread, variance: influences.result()?.variance ?? 0 };
}
