import { estimatePerformance } from './estimated-performance';
import { normalEstimate, rootEstimate } from './intervals';
import { expectedLoss, type LossModel } from './loss-model';
import type { MetricEstimates } from './measure';
import type { PerformanceReference } from './performance-reference';
import { checkFeatures, type RowReader } from './prediction';
import { CalibratedWindow, LossWindow } from './row-windows';

/** Estimates performance from predictions alone. */
export interface PerformanceEstimator {
  /** Features that it asks for; 0 for none. */
  readonly featureWidth: number;
  /** @throws FairleadError `INVALID_INPUT` for features of another width than it asks for */
  check(features: ArrayLike<number> | undefined): void;
  /** Takes a prediction whose features were checked. */
  add(predicted: number, probabilities: Float64Array, features: ArrayLike<number> | undefined): void;
  /** @param z quantile of the standard normal law */
  estimate(z: number): { readonly rows: number; readonly metrics: MetricEstimates };
}

const nothing: PerformanceEstimator = {
  featureWidth: 0,
  check() {},
  add() {},
  estimate: () => ({ rows: 0, metrics: {} }),
};

/** Makes the estimator that a reference allows, over the last `size` predictions. */
export function createEstimator(
  reference: PerformanceReference | undefined,
  reader: RowReader,
  size: number,
): PerformanceEstimator {
  if (reference?.losses !== undefined) return lossEstimator(reference.losses, size);
  if (reference === undefined || reference.calibration.length === 0) return nothing;
  const window = new CalibratedWindow(reference.calibration, reader.classes.length, size);
  return {
    featureWidth: 0,
    check() {},
    add: (predicted, probabilities) => window.add(predicted, probabilities),
    estimate: (z) => {
      const rows = window.rows();
      return { rows: rows.rows, metrics: estimatePerformance(rows, z) };
    },
  };
}

function lossEstimator(losses: NonNullable<PerformanceReference['losses']>, size: number): PerformanceEstimator {
  const { absolute, squared } = losses;
  const window = new LossWindow(size);
  const featureWidth = absolute.edges.length;
  return {
    featureWidth,
    check(features) {
      if (features !== undefined) checkFeatures(features, featureWidth);
    },
    add(_predicted, _probabilities, features) {
      if (features === undefined) return;
      window.add(expectedLoss(absolute, features), expectedLoss(squared, features));
    },
    estimate(z) {
      const means = window.means();
      if (means === undefined) return { rows: 0, metrics: {} };
      const { rows } = means;
      // The realised mean of so many rows strays from what is expected, and so does the model, by the rows it was tried on.
      const variance = ({ residualVariance, heldOutRows }: LossModel): number =>
        residualVariance * (1 / rows + 1 / Math.max(1, heldOutRows));
      return {
        rows,
        metrics: {
          mae: normalEstimate(means.absolute, variance(absolute), rows, z, 0),
          rmse: rootEstimate(means.squared, variance(squared), rows, z),
        },
      };
    },
  };
}
