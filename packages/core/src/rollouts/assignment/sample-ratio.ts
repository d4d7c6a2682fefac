import { lnChiSquaredSurvival } from '../../monitoring/null-law/special-functions';
import type { SampleRatio } from '../result';
import { createKeyHash } from './hash';

/** Keys that are remembered, so that one which comes often counts once. */
const maxUnits = 20_000;
/** Units before the first look, and what all looks together may spend in false alarms. */
const firstLook = 200;
const falseAlarms = 0.001;

const hashUnit = createKeyHash('sample-ratio');

/** Watches whether arms get the shares that they should have, among those who were assigned by weight. */
export interface SampleRatioWatch {
  /** A unit was answered by an arm. */
  add(arm: string, key: string | undefined): void;
  /** The weights changed: what was seen before says nothing about the new ones. */
  restart(weights: Readonly<Record<string, number>>): void;
  readonly now: SampleRatio;
}

/**
 * Pearson's χ² of the units that each arm answered against its weight. It looks when their number has doubled and spends half
 * of what is left at each look, so that all looks together raise a false alarm for one rollout in a thousand at most.
 */
export function createSampleRatioWatch(onMismatch: (found: SampleRatio) => void): SampleRatioWatch {
  let expected: Readonly<Record<string, number>> = {};
  let observed: Record<string, number> = {};
  let seen = new Set<number>();
  let units = 0;
  let nextLook = firstLook;
  let alpha = falseAlarms / 2;
  let mismatch = false;

  const assess = (): SampleRatio => {
    const weighted = Object.entries(expected).filter(([, weight]) => weight > 0);
    let statistic = 0;
    for (const [arm, weight] of weighted) {
      const hoped = weight * units;
      if (hoped > 0) statistic += ((observed[arm] ?? 0) - hoped) ** 2 / hoped;
    }
    const pValue =
      weighted.length < 2 || units === 0 ? 1 : Math.exp(lnChiSquaredSurvival(statistic, weighted.length - 1));
    return { units, observed: { ...observed }, expected, pValue, mismatch };
  };

  const look = (): void => {
    const found = assess();
    nextLook = units * 2;
    if (found.pValue < alpha && !mismatch) {
      mismatch = true;
      onMismatch({ ...found, mismatch });
    }
    alpha /= 2;
  };

  return {
    add(arm, key) {
      if (units >= maxUnits) return;
      if (key !== undefined) {
        const hash = hashUnit(key);
        if (seen.has(hash)) return;
        seen.add(hash);
      }
      observed[arm] = (observed[arm] ?? 0) + 1;
      units++;
      if (units >= nextLook) look();
    },
    restart(weights) {
      expected = weights;
      observed = {};
      seen = new Set();
      units = 0;
      nextLook = firstLook;
      alpha = falseAlarms / 2;
      mismatch = false;
    },
    get now() {
      return assess();
    },
  };
}
