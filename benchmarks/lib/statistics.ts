/**
 * The middle value; of an even count the mean of the two in the middle.
 *
 * @throws RangeError when there are no values.
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('The median of no values is asked for: measure one round at least.');
  const lower = sorted[middle - 1];
  return sorted.length % 2 === 1 || lower === undefined ? upper : (lower + upper) / 2;
}

/**
 * How level a series is: the median of its last tenth by the median of the tenth that begins after its first quarter.
 *
 * @throws RangeError when there are fewer than ten values.
 */
export function flatness(series: readonly number[]): number {
  const { length } = series;
  if (length < 10) throw new RangeError(`Whether a series is flat is asked of ten values or more, given ${length}.`);
  const tenth = Math.floor(length / 10);
  const quarter = Math.floor(length / 4);
  return median(series.slice(-tenth)) / median(series.slice(quarter, quarter + tenth));
}
