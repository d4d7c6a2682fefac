/*
 * Lower triangles row by row: the element of row r and column c ≤ r lies at r (r + 1) / 2 + c.
 */

/** A factor L with L Lᵀ = gram + ridge · I. */
export type CholeskyFactor = Float64Array;

/**
 * Factors a sum of outer products plus a ridge. The least eigenvalue of that is the ridge or more, so every pivot, an eigenvalue
 * bound of a Schur complement, is too: where rounding made one less, it is the ridge. The factor so exists for any sum.
 *
 * @param gram the lower triangle of Σ x xᵀ
 * @param size its rows
 * @param ridge more than 0
 */
export function factorise(gram: readonly number[], size: number, ridge: number): CholeskyFactor {
  const factor = new Float64Array((size * (size + 1)) / 2);
  for (let row = 0; row < size; row++) {
    const rowAt = (row * (row + 1)) / 2;
    for (let column = 0; column <= row; column++) {
      const columnAt = (column * (column + 1)) / 2;
      let rest = (gram[rowAt + column] as number) + (row === column ? ridge : 0);
      for (let k = 0; k < column; k++) rest -= (factor[rowAt + k] as number) * (factor[columnAt + k] as number);
      factor[rowAt + column] =
        row === column ? Math.sqrt(Math.max(rest, ridge)) : rest / (factor[columnAt + column] as number);
    }
  }
  return factor;
}

/** Solves L y = x. */
export function solveLower(factor: CholeskyFactor, x: readonly number[]): Float64Array {
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row++) {
    const rowAt = (row * (row + 1)) / 2;
    let rest = x[row] as number;
    for (let k = 0; k < row; k++) rest -= (factor[rowAt + k] as number) * (y[k] as number);
    y[row] = rest / (factor[rowAt + row] as number);
  }
  return y;
}

/** Σ a b of two vectors of equal length. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] as number) * (b[index] as number);
  return sum;
}
