/** The quantile of the last values that came. */
export interface RunningQuantile {
  add(values: readonly number[]): void;
  /** `undefined` before there are enough values. */
  readonly value: number | undefined;
}

/** Worked out anew after this part of the values it looks at has come. */
const renewedBy = 1 / 10;

/**
 * Keeps the last `window` values, and their quantile by rank: the least value that is not exceeded by more than `1 - quantile` of them.
 * @param least values that are needed before it says anything
 */
export function createRunningQuantile(quantile: number, window: number, least: number): RunningQuantile {
  const values = new Float64Array(window);
  let count = 0;
  let sinceRenewal = 0;
  let value: number | undefined;
  return {
    add(added) {
      for (const one of added) values[count++ % window] = one;
      sinceRenewal += added.length;
      if (count < least || (value !== undefined && sinceRenewal < Math.min(count, window) * renewedBy)) return;
      const sorted = values.slice(0, Math.min(count, window)).sort();
      value = sorted[Math.min(sorted.length - 1, Math.ceil(quantile * sorted.length) - 1)];
      sinceRenewal = 0;
    },
    get value() {
      return value;
    },
  };
}
