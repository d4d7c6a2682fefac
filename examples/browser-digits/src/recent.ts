/** The last values of a series. */
export interface Recent {
  readonly values: readonly number[];
  add(value: number): void;
  /** The median; undefined as long as there is no value. */
  median(): number | undefined;
}

/** Keeps the last `limit` values. */
export function createRecent(limit: number): Recent {
  const values: number[] = [];
  return {
    values,
    add(value) {
      values.push(value);
      if (values.length > limit) values.shift();
    },
    median() {
      const sorted = [...values].sort((left, right) => left - right);
      const middle = sorted.length / 2;
      const upper = sorted[Math.floor(middle)];
      const lower = sorted[Math.ceil(middle) - 1];
      return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
    },
  };
}
