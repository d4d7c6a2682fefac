import { createRandom } from '../random';

/** What changes a row of independent standard normal values. */
export type Change = (row: Float64Array) => void;

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Embeddings of two groups with scales that fall from one dimension to the next.
 * @param change applied to a row before it is scaled
 */
export function createEmbeddings(seed: number, width: number) {
  const random = createRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return (rows: number, change: Change = () => {}) => {
    const data = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      const group = random() < 0.5 ? 2 : 0;
      const values = new Float64Array(width).map((_, i) => (normal() + (i < 2 ? group : 0)) / (1 + i / 4));
      change(values);
      data.set(values, row * width);
    }
    return { dtype: 'float32' as const, shape: [rows, width], data };
  };
}

/** Adds to the first dimensions. */
export const shifted =
  (by: number, dimensions: number): Change =>
  (row) => {
    for (let i = 0; i < dimensions; i++) row[i] = (row[i] as number) + by;
  };

/** Turns each pair of neighbouring dimensions by an angle. */
export const rotated =
  (angle: number): Change =>
  (row) => {
    for (let i = 0; i + 1 < row.length; i += 2) {
      const [a, b] = [row[i] as number, row[i + 1] as number];
      row[i] = Math.cos(angle) * a - Math.sin(angle) * b;
      row[i + 1] = Math.sin(angle) * a + Math.cos(angle) * b;
    }
  };
