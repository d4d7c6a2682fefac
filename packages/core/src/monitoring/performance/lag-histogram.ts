/** Upper bounds of the buckets of label lags, in seconds: 1 s, 10 s, 1 min, 10 min, 1 h, 6 h, 1 d, 3 d, 7 d, 30 d. */
export const lagBounds = [1, 10, 60, 600, 3600, 21_600, 86_400, 259_200, 604_800, 2_592_000] as const;

/** How long after their predictions labels came. */
export interface LabelLag {
  /** Labels with a prediction; those that came before it count as 0 seconds. */
  readonly count: number;
  /** Mean in seconds; `undefined` where there is none. */
  readonly meanSeconds: number | undefined;
  /** Longest, in seconds. */
  readonly mostSeconds: number | undefined;
  /** Labels up to each bound and above the one before; the last bound is infinite. */
  readonly buckets: readonly { readonly upToSeconds: number; readonly count: number }[];
}

/** Counts lags by bucket. */
export class LagHistogram {
  readonly #counts = new Float64Array(lagBounds.length + 1);
  #count = 0;
  #sum = 0;
  #most = 0;

  /** @param seconds 0 or more */
  add(seconds: number): void {
    let bucket = 0;
    while (bucket < lagBounds.length && seconds > (lagBounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    this.#sum += seconds;
    this.#most = Math.max(this.#most, seconds);
  }

  snapshot(): LabelLag {
    const some = this.#count > 0;
    return {
      count: this.#count,
      meanSeconds: some ? this.#sum / this.#count : undefined,
      mostSeconds: some ? this.#most : undefined,
      buckets: Array.from(this.#counts, (count, bucket) => ({
        upToSeconds: lagBounds[bucket] ?? Number.POSITIVE_INFINITY,
        count,
      })),
    };
  }
}
