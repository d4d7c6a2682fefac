import { FairleadError } from '../errors';

/** Upper bounds for durations of inference, in seconds: from 100 µs to 10 s. */
export const durationBuckets: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/**
 * Bucket bounds that grow by a factor: `start`, `start · factor`, `start · factor²`, …
 * @param start the first bound, more than 0
 * @param factor more than 1
 * @param count how many bounds, 1 or more; `+Inf` is not counted
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  const last = start * factor ** (count - 1);
  if (!(start > 0 && factor > 1 && Number.isInteger(count) && count >= 1 && count <= 500 && Number.isFinite(last))) {
    const expected = 'start > 0, factor > 1 and a whole count from 1 to 500 with a finite last bound';
    const given = `start ${start}, factor ${factor}, count ${count}`;
    throw new FairleadError('INVALID_ARGUMENT', `exponentialBuckets: expected ${expected}, given ${given}.`, {
      details: { expected, given },
    });
  }
  return Array.from({ length: count }, (_, index) => start * factor ** index);
}
