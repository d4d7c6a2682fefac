import { lnChiSquaredSurvival } from '../../monitoring/null-law/special-functions';
import type { SharedSums, Tally } from '../contracts';
import { meanOfCapitals, pValueOf } from '../evidence/e-value';
import type { SampleRatioAssessment } from '../evidence/sample-ratio';
import { mergeTallies } from '../evidence/tally';
import { createKeyHash } from './hash';

/** Keys that are remembered, so that one which comes often counts once; those that come after them count no more. */
const maxKeys = 20_000;
/** Units between two looks. */
const lookEvery = 100;
/** How likely a false alarm is in a run of a rollout: over all looks, steps and replicas. */
const alpha = 0.001;
/** By how much the odds of an arm are taken to be off, as logarithms, a factor of two and a half apart. */
const tilts = [0.02, 0.05, 0.12, 0.3, 0.7, 1.5].flatMap((tilt) => [tilt, -tilt]);

/** Units with a key, of which another replica may have counted the same one, and those without, which are nobody else's. */
type Kind = 'keyed' | 'free';
const kinds: readonly Kind[] = ['keyed', 'free'];
/** What begins the names that say which replicas have counted keys. */
const replicaPrefix = 'replica/';

/** Watches whether arms get the shares that they should, among those who were assigned by weight, in all replicas together. */
export interface SampleRatioWatch extends SharedSums {
  /**
   * A unit goes to an arm.
   * @param unit the hash of its key; undefined for a request without one, which is a unit of its own
   */
  add(arm: string, unit: number | undefined): void;
  /** Units that come from now on should go to arms by these shares. With fewer than two above 0 none are counted. */
  follow(shares: Readonly<Record<string, number>>): void;
  /** `undefined` where there are not two arms to compare. */
  readonly now: SampleRatioAssessment | undefined;
}

/**
 * Makes the watch of one process for the runs of a rollout; it alarms once in each.
 *
 * **The unit is what is assigned**: a key once in the whole run, however often it comes, and a request without a key. A key that comes
 * back under other weights is none: which arm it gets follows from the one that it had.
 *
 * **Evidence.** Each bet takes the odds of one arm, θ / (1 - θ), for larger or smaller by a factor of exp(t), and multiplies its capital by
 * the likelihood ratio of the unit: exp(t) / (1 - θ + θ exp(t)) for the arm, 1 / (1 - θ + θ exp(t)) for another. By θ that is 1 on average,
 * whatever came before, so products over units stay fair while weights change, and their logarithms are sums that replicas add; the mean over
 * bets is taken last.
 *
 * **Replicas.** Requests without a key are each one replica's alone. A key may come to any of them, and would count as often as there are
 * replicas. So the logarithms of what R replicas have of keys are divided by R: their geometric mean is at most the largest of them, by
 * Hölder's inequality with the mean over bets too, and each replica's own is fair. It is an alarm when the evidence has reached
 * R (R + 1) / alpha: whichever replica it is that is largest, the r-th of them does so with a probability of at most alpha / (r (r + 1)),
 * and all of them together with at most alpha.
 *
 * @param arms all that may get a share in a run
 * @param replica another one in each process
 */
export function createSampleRatioWatch(
  arms: readonly string[],
  replica: string,
  onMismatch: (found: SampleRatioAssessment) => void,
): SampleRatioWatch {
  const own = replicaPrefix + createKeyHash('replica')(replica).toString(36);
  let shares: Readonly<Record<string, number>> = {};
  let isWatching = false;
  let counts: Record<Kind, Record<string, number>> = { keyed: {}, free: {} };
  let seen = new Set<number>();
  let sinceLook = 0;
  let untaken: Tally = {};
  let known: Tally = {};
  let isMismatch = false;

  const present = (): void => {
    untaken = { ...untaken, [own]: 1 };
  };

  /** Makes sums of what was counted under the present shares. */
  const fold = (): void => {
    for (const kind of kinds) {
      const units = Object.values(counts[kind]).reduce((sum, count) => sum + count, 0);
      if (units > 0) untaken = mergeTallies(untaken, sumsOf(kind, counts[kind], units, shares));
    }
    counts = { keyed: {}, free: {} };
  };

  const assess = (): SampleRatioAssessment | undefined => {
    if (!isWatching) return undefined;
    fold();
    return assessSums(mergeTallies(known, untaken), arms, shares);
  };

  const look = (): void => {
    sinceLook = 0;
    if (isMismatch) return;
    const found = assess();
    if (found?.isMismatch !== true) return;
    isMismatch = true;
    onMismatch(found);
  };

  return {
    add(arm, unit) {
      if (!isWatching || shares[arm] === undefined) return;
      let counted = counts.free;
      if (unit !== undefined) {
        if (seen.has(unit) || seen.size >= maxKeys) return;
        if (seen.size === 0) present();
        seen.add(unit);
        counted = counts.keyed;
      }
      counted[arm] = (counted[arm] ?? 0) + 1;
      sinceLook++;
      if (sinceLook >= lookEvery) look();
    },
    follow(next) {
      fold();
      const above = Object.entries(next).filter(([, share]) => share > 0);
      shares = Object.fromEntries(above);
      isWatching = above.length > 1;
    },
    take() {
      fold();
      const taken = untaken;
      untaken = {};
      return Object.keys(taken).length === 0 ? undefined : taken;
    },
    setKnown(sum) {
      known = sum;
      // A store that lost what it had must know again how many have counted keys.
      if (seen.size > 0 && known[own] === undefined) present();
      look();
    },
    restart() {
      counts = { keyed: {}, free: {} };
      seen = new Set();
      sinceLook = 0;
      untaken = {};
      known = {};
      isMismatch = false;
    },
    get now() {
      return assess();
    },
  };
}

/** What units that went to arms under the same shares add. */
function sumsOf(
  kind: Kind,
  counts: Readonly<Record<string, number>>,
  units: number,
  shares: Readonly<Record<string, number>>,
): Tally {
  const sums: Record<string, number | readonly number[]> = {};
  for (const [arm, share] of Object.entries(shares)) {
    const count = counts[arm] ?? 0;
    sums[`${kind}/observed/${arm}`] = count;
    sums[`${kind}/expected/${arm}`] = units * share;
    sums[`${kind}/capital/${arm}`] = tilts.map((tilt) => count * tilt - units * Math.log1p(share * Math.expm1(tilt)));
  }
  return sums;
}

/** What the sums of all replicas say. */
function assessSums(
  tally: Tally,
  arms: readonly string[],
  shares: Readonly<Record<string, number>>,
): SampleRatioAssessment {
  const number = (name: string): number => Number(tally[name] ?? 0);
  const replicas = Object.keys(tally).filter((name) => name.startsWith(replicaPrefix)).length;
  const weight = replicas === 0 ? 0 : 1 / replicas;
  const both = (what: string, arm: string): number =>
    number(`free/${what}/${arm}`) + weight * number(`keyed/${what}/${arm}`);
  const capitals = arms.flatMap((arm) => {
    const [free, keyed] = (['free', 'keyed'] as const).map((kind) => {
      const value = tally[`${kind}/capital/${arm}`];
      return typeof value === 'object' ? value : [];
    });
    return tilts.map((_, bet) => (free?.[bet] ?? 0) + weight * (keyed?.[bet] ?? 0));
  });
  const eValue = meanOfCapitals(capitals) / (replicas === 0 ? 1 : replicas * (replicas + 1));

  const named = arms.filter((arm) => (shares[arm] ?? 0) > 0 || both('expected', arm) > 0);
  const units = named.reduce((sum, arm) => sum + both('observed', arm), 0);
  let statistic = 0;
  for (const arm of named) {
    const expected = both('expected', arm);
    if (expected > 0) statistic += (both('observed', arm) - expected) ** 2 / expected;
  }
  const degreesOfFreedom = named.length - 1;
  const shareOf = (what: string, arm: string, none: number): number => (units === 0 ? none : both(what, arm) / units);
  return {
    units,
    observed: Object.fromEntries(named.map((arm) => [arm, shareOf('observed', arm, 0)])),
    expected: Object.fromEntries(named.map((arm) => [arm, shareOf('expected', arm, shares[arm] ?? 0)])),
    eValue,
    pValue: pValueOf(eValue),
    chiSquared: { statistic, degreesOfFreedom, pValue: Math.exp(lnChiSquaredSurvival(statistic, degreesOfFreedom)) },
    isMismatch: eValue >= 1 / alpha,
  };
}
