import { assessSampleRatio, type SampleRatioAssessment } from '../evidence/sample-ratio';

/** Keys that are remembered, so that one which comes often counts once. */
const maxUnits = 20_000;
/** Units between two looks. */
const lookEvery = 100;

/** Watches whether arms get the shares that they should, among those who were assigned by weight. */
export interface SampleRatioWatch {
  /**
   * A unit goes to an arm.
   * @param unit the hash of its key; undefined for a request without one, which is a unit of its own
   */
  add(arm: string, unit: number | undefined): void;
  /** The weights changed: what was seen before says nothing about the new ones. */
  restart(weights: Readonly<Record<string, number>>): void;
  /** `undefined` where there are not two arms to compare. */
  readonly now: SampleRatioAssessment | undefined;
}

/** Makes the watch of one process; it alarms once for each set of weights. */
export function createSampleRatioWatch(onMismatch: (found: SampleRatioAssessment) => void): SampleRatioWatch {
  let shares: Readonly<Record<string, number>> = {};
  let isWatching = false;
  let counts: Record<string, number> = {};
  let seen = new Set<number>();
  let units = 0;
  let isMismatch = false;

  const assess = (): SampleRatioAssessment | undefined => (isWatching ? assessSampleRatio(counts, shares) : undefined);

  return {
    add(arm, unit) {
      if (!isWatching || units >= maxUnits || shares[arm] === undefined) return;
      if (unit !== undefined) {
        if (seen.has(unit)) return;
        seen.add(unit);
      }
      counts[arm] = (counts[arm] ?? 0) + 1;
      units++;
      if (isMismatch || units % lookEvery !== 0) return;
      const found = assess();
      if (found?.isMismatch !== true) return;
      isMismatch = true;
      onMismatch(found);
    },
    restart(weights) {
      const weighted = Object.entries(weights).filter(([, weight]) => weight > 0);
      const sum = weighted.reduce((total, [, weight]) => total + weight, 0);
      shares = Object.fromEntries(weighted.map(([arm, weight]) => [arm, weight / sum]));
      isWatching = weighted.length > 1;
      counts = {};
      seen = new Set();
      units = 0;
      isMismatch = false;
    },
    get now() {
      return assess();
    },
  };
}
