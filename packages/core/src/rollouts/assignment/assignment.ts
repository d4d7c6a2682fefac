import { championArm } from '../contracts';
import { bucketCount, bucketOf, createKeyHash, rehash } from './hash';

/** Rollouts that must never meet in one request share a layer, and have parts of it that do not overlap. */
export interface LayerOptions {
  /** The same for rollouts that exclude one another. */
  readonly name: string;
  /** The part of all keys that this rollout may have: from 0 to 1, `from` less than `to`. */
  readonly from: number;
  readonly to: number;
}

/** How requests are assigned to arms. */
export interface AssignmentOptions {
  /**
   * Spreads keys differently from rollouts with another salt. Rollouts that share a layer or a holdout have the same one.
   * @default ''
   */
  readonly salt?: string;
  /** Share of keys that always get the champion and are no evidence. 0 or more, less than 1. @default 0 */
  readonly holdout?: number;
  /** Keys that always get an arm and are no evidence: testers, or customers with a contract. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** Mutual exclusion: see {@link LayerOptions}. Weights are shares of the keys of its part. */
  readonly layer?: LayerOptions;
}

/** Where a request goes. */
export interface Slot {
  readonly arm: string;
  /** How likely this arm was. */
  readonly propensity: number;
  /** Whether the request is evidence: of a challenger, or of the control slice. */
  readonly evidence: boolean;
  /** Whether it was assigned by weight, and so counts for the sample ratio. */
  readonly counted: boolean;
}

/** Assigns requests. */
export interface Assigner {
  /** The hash that a key, or a request without one by chance, is assigned by. */
  hashOf(key: string | undefined): number;
  /**
   * @param key the unit of assignment; a request without one is assigned by chance
   * @param hash that of the key
   */
  assign(key: string | undefined, hash?: number): Slot;
  /** Share of all traffic in the control slice, of keys that may be assigned. */
  readonly controlShare: number;
  /**
   * Share of each arm among the keys that are assigned by weight, exactly: weights are met to a bucket. Sums to 1.
   */
  readonly shares: Readonly<Record<string, number>>;
}

/**
 * Compiles an assignment for a set of weights. A key has a bucket of 10,000. Challengers have the buckets from 0 up, so
 * that nobody leaves them while their sum grows; a second hash chooses among several, so that nobody changes between
 * them while their proportions stay. The control slice has the buckets from the top down, as many as the largest challenger,
 * as far as the champion's own reach.
 */
export function createAssigner(
  experiment: string,
  weights: Readonly<Record<string, number>>,
  options: AssignmentOptions,
  random: () => number,
): Assigner {
  const { salt = '', holdout = 0, overrides = {}, layer } = options;
  const challengers = Object.entries(weights).filter(([arm, weight]) => arm !== championArm && weight > 0);
  const total = challengers.reduce((sum, [, weight]) => sum + weight, 0);
  const largest = Math.max(0, ...challengers.map(([, weight]) => weight));
  const reach = Math.round(Math.min(1, total) * bucketCount);
  const controlFrom = bucketCount - Math.min(Math.round(largest * bucketCount), bucketCount - reach);
  const championPropensity = Math.max(0, 1 - total);

  const slotOf = (arm: string, propensity: number, counted: boolean, evidence: boolean): Slot => ({
    arm,
    propensity,
    counted,
    evidence,
  });
  const outside = slotOf(championArm, 1, false, false);
  const champion = slotOf(championArm, championPropensity, true, false);
  const control = slotOf(championArm, championPropensity, true, true);
  let upTo = 0;
  const slots = challengers.map(([arm, weight]) => {
    upTo += weight / total;
    return { upTo: upTo * 4_294_967_296, slot: slotOf(arm, weight, true, true) };
  });
  const last = slots.at(-1)?.slot ?? champion;
  const named = new Map(Object.entries(overrides).map(([key, arm]) => [key, slotOf(arm, 1, false, false)] as const));

  const hashKey = createKeyHash(salt, 'assignment', experiment);
  const hashHoldout = createKeyHash(salt, 'holdout');
  const hashLayer = createKeyHash(salt, 'layer', layer?.name ?? '');
  const chance = (): number => Math.floor(random() * 4_294_967_296);
  const hashOf = (key: string | undefined): number => (key === undefined ? chance() : hashKey(key));
  const holdoutBelow = holdout * bucketCount;
  const layerFrom = (layer?.from ?? 0) * bucketCount;
  const layerTo = (layer?.to ?? 1) * bucketCount;

  const choose = (hash: number): Slot => {
    const bucket = bucketOf(hash);
    if (bucket >= reach) return bucket >= controlFrom ? control : champion;
    if (slots.length === 1) return last;
    const second = rehash(hash);
    return slots.find((each) => second < each.upTo)?.slot ?? last;
  };

  return {
    controlShare: (bucketCount - controlFrom) / bucketCount,
    shares: {
      [championArm]: (bucketCount - reach) / bucketCount,
      ...Object.fromEntries(
        challengers.map(([arm, weight]): [string, number] => [arm, (reach / bucketCount) * (weight / total)]),
      ),
    },
    hashOf,
    assign(key, hash = hashOf(key)) {
      if (named.size > 0 && key !== undefined) {
        const slot = named.get(key);
        if (slot !== undefined) return slot;
      }
      if (holdoutBelow > 0 && bucketOf(key === undefined ? chance() : hashHoldout(key)) < holdoutBelow) return outside;
      if (layer !== undefined) {
        const bucket = bucketOf(key === undefined ? chance() : hashLayer(key));
        if (bucket < layerFrom || bucket >= layerTo) return outside;
      }
      return choose(hash);
    },
  };
}
