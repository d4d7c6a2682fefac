/** How far from 1 a temperature may be, either way. Beyond it the rows say no more than "as sharp as can be". */
export const temperatureBounds = { least: 0.01, most: 100 } as const;

/** Logits of rows, finite, row-major, with the class that each row has. */
export interface LabelledLogits {
  readonly logits: Float64Array;
  readonly classes: number;
  readonly labels: Int32Array;
}

/**
 * The temperature T that makes softmax(z / T) most likely on held-out rows: the minimum of
 * −(1/n) Σ ln softmax(zᵢ / T)[yᵢ], within {@link temperatureBounds}. In β = 1 / T that is convex, since ln Σ exp(βz) is;
 * its slope Σ (E[z] − z_y) with E under softmax(βz) only rises, and is followed to zero by Newton's steps, halved where
 * they leave the bracket.
 *
 * Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
 * arXiv 1706.04599, section 4.2 (temperature scaling).
 *
 * @returns 1 where there are no rows
 */
export function fitTemperature(rows: LabelledLogits): number {
  if (rows.labels.length === 0) return 1;
  let low = 1 / temperatureBounds.most;
  let high = 1 / temperatureBounds.least;
  if (slopeAt(rows, low).slope >= 0) return temperatureBounds.most;
  if (slopeAt(rows, high).slope <= 0) return temperatureBounds.least;
  let beta = 1;
  for (let step = 0; step < 100 && high - low > 1e-12 * high; step++) {
    const { slope, curvature } = slopeAt(rows, beta);
    if (slope === 0) break;
    if (slope < 0) low = beta;
    else high = beta;
    const next = beta - slope / curvature;
    const moved = next > low && next < high ? next : Math.sqrt(low * high);
    if (Math.abs(moved - beta) <= 1e-12 * beta) break;
    beta = moved;
  }
  return 1 / beta;
}

/** Σ (E[z] − z_y) and Σ Var[z] under softmax(βz): first and second derivative of the summed loss in β. */
function slopeAt({ logits, classes, labels }: LabelledLogits, beta: number): { slope: number; curvature: number } {
  let slope = 0;
  let curvature = 0;
  for (let row = 0; row < labels.length; row++) {
    const start = row * classes;
    const top = mostOf(logits, start, classes);
    let mass = 0;
    let sum = 0;
    let squares = 0;
    for (let index = start; index < start + classes; index++) {
      // Measured from the largest, which changes neither difference nor variance and keeps them exact.
      const value = (logits[index] as number) - top;
      const power = Math.exp(beta * value);
      mass += power;
      sum += power * value;
      squares += power * value * value;
    }
    const mean = sum / mass;
    slope += mean - ((logits[start + (labels[row] as number)] as number) - top);
    curvature += squares / mass - mean * mean;
  }
  return { slope, curvature };
}

/** −(1/n) Σ ln softmax(zᵢ / T)[yᵢ], in nats. */
export function negativeLogLikelihood({ logits, classes, labels }: LabelledLogits, temperature: number): number {
  let loss = 0;
  for (let row = 0; row < labels.length; row++) {
    const start = row * classes;
    const top = mostOf(logits, start, classes);
    let mass = 0;
    for (let index = start; index < start + classes; index++) {
      mass += Math.exp(((logits[index] as number) - top) / temperature);
    }
    loss += Math.log(mass) - ((logits[start + (labels[row] as number)] as number) - top) / temperature;
  }
  return labels.length === 0 ? 0 : loss / labels.length;
}

function mostOf(values: Float64Array, start: number, count: number): number {
  let most = values[start] as number;
  for (let index = start + 1; index < start + count; index++) most = Math.max(most, values[index] as number);
  return most;
}
