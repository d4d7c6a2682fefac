import type { Contestant } from './contestants';
import { drawReference, type NormalStreams, type Scenario } from './scenarios';

/** How late a contestant saw a change. */
export interface Detection {
  /** Mean number of observations from the change up to the alarm and with it; one that was missed counts as the horizon. */
  readonly meanDelay: number;
  /** Standard error of that mean. */
  readonly standardError: number;
  /** Mean of those that were not missed alone. */
  readonly meanSeen: number;
  /** Streams without an alarm within the horizon. */
  readonly misses: number;
}

/** Fewest observations before the change. How many more there are is spread over as many again. */
export const quietRows = 1000;
/** Observations after the change within which it must be seen. */
export const horizonRows = 5000;
/** Observations of a stream for {@link measureDetection}. */
export const detectionRows = 2 * quietRows + horizonRows;

/**
 * Runs a contestant over streams that change after a quiet time. An alarm before the change is a false one: the contestant
 * has then begun anew, and is measured as it is.
 */
export function measureDetection(
  contestant: Contestant,
  scenario: Scenario,
  threshold: number,
  streams: NormalStreams,
): Detection {
  const { law } = scenario;
  const { count, length, normals, seedOf } = streams;
  let sum = 0;
  let squares = 0;
  let misses = 0;
  for (let stream = 0; stream < count; stream++) {
    const watcher = contestant.create(law, threshold, () => drawReference(law, seedOf(stream)));
    const start = stream * length;
    // Not always the same, since some detectors look every so many observations.
    const change = start + quietRows + Math.floor((stream * quietRows) / count);
    for (let index = start; index < change; index++) watcher.update(law.quiet(normals[index] as number));
    let delay = 1;
    while (delay <= horizonRows && !watcher.update(scenario.changed(normals[change + delay - 1] as number))) delay++;
    if (delay > horizonRows) {
      misses++;
      delay = horizonRows;
    }
    sum += delay;
    squares += delay * delay;
  }
  const meanDelay = sum / count;
  return {
    meanDelay,
    standardError: Math.sqrt(Math.max(0, squares / count - meanDelay * meanDelay) / count),
    meanSeen: (sum - misses * horizonRows) / (count - misses),
    misses,
  };
}
