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

/** What a challenger may have of the keys: a strip of the second hash, and of that the buckets from 0 up. */
interface Strip {
  readonly arm: string;
  /** Its part of all keys, 0 to 1. */
  readonly width: number;
  /** Up to here, 0 to 1, its keys are the challenger's. */
  readonly reach: number;
}

/**
 * Compiles an assignment for a set of weights. A key has a bucket of 10,000. Challengers have the buckets from 0 up, each in a strip of
 * its own by a second hash, so that nobody leaves a challenger while its share grows, and nobody changes between them when one of them
 * leaves. The control slice is taken from the buckets of the champion from the top down, as large as the largest challenger, as far
 * as the champion's own reach.
 *
 * @param layout how wide the strips are: the weights of all challengers at the beginning, those that left among them. Where the weights
 * do not fit into their strips, these are as wide as the weights are large, and keys may change between challengers.
 */
export function createAssigner(
  experiment: string,
  weights: Readonly<Record<string, number>>,
  options: AssignmentOptions,
  random: () => number,
  layout: Readonly<Record<string, number>> = weights,
): Assigner {
  const { salt = '', holdout = 0, overrides = {}, layer } = options;
  const challengers = challengersOf(weights);
  const total = challengers.reduce((sum, [, weight]) => sum + weight, 0);
  const largest = Math.max(0, ...challengers.map(([, weight]) => weight));
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
  const weightOf = new Map(challengers);
  let upTo = 0;
  const strips = stripsOf(challengers, layout).map(({ arm, width, reach }) => {
    upTo += width;
    return {
      width,
      upTo: upTo * 4_294_967_296,
      reach: Math.round(Math.min(1, reach) * bucketCount),
      slot: slotOf(arm, weightOf.get(arm) ?? 0, true, true),
    };
  });
  const last = strips.at(-1);
  const farthest = Math.max(0, ...strips.map(({ reach }) => reach));
  /** How many buckets' worth of keys the champion has from a bucket up. */
  const championsFrom = (bucket: number): number =>
    strips.length === 0
      ? bucketCount - bucket
      : strips.reduce((sum, { width, reach }) => sum + width * (bucketCount - Math.max(reach, bucket)), 0);
  const controlFrom = lastWith(Math.min(Math.round(largest * bucketCount), championsFrom(0)), championsFrom);
  const named = new Map(Object.entries(overrides).map(([key, arm]) => [key, slotOf(arm, 1, false, false)] as const));

  const hashKey = createKeyHash(salt, 'assignment', experiment);
  const hashHoldout = createKeyHash(salt, 'holdout');
  const hashLayer = createKeyHash(salt, 'layer', layer?.name ?? '');
  const chance = (): number => Math.floor(random() * 4_294_967_296);
  const hashOf = (key: string | undefined): number => (key === undefined ? chance() : hashKey(key));
  const holdoutBelow = holdout * bucketCount;
  const layerFrom = (layer?.from ?? 0) * bucketCount;
  const layerTo = (layer?.to ?? 1) * bucketCount;

  const stripAt = (second: number) => strips.find((each) => second < each.upTo) ?? last;
  const choose = (hash: number): Slot => {
    const bucket = bucketOf(hash);
    if (bucket < farthest) {
      const strip = strips.length === 1 ? last : stripAt(rehash(hash));
      if (strip !== undefined && bucket < strip.reach) return strip.slot;
    }
    return bucket >= controlFrom ? control : champion;
  };

  return {
    controlShare: championsFrom(controlFrom) / bucketCount,
    shares: {
      [championArm]: championsFrom(0) / bucketCount,
      ...Object.fromEntries(
        strips
          .filter(({ reach }) => reach > 0)
          .map(({ slot, width, reach }): [string, number] => [slot.arm, (width * reach) / bucketCount]),
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

/** Arms beside the champion that have a share. */
function challengersOf(weights: Readonly<Record<string, number>>): [arm: string, weight: number][] {
  return Object.entries(weights).filter(([arm, weight]) => arm !== championArm && weight > 0);
}

function stripsOf(challengers: readonly [string, number][], layout: Readonly<Record<string, number>>): Strip[] {
  const widths = challengersOf(layout);
  const all = widths.reduce((sum, [, width]) => sum + width, 0);
  const weightOf = new Map(challengers);
  const strips = widths.map(([arm, width]): Strip => {
    // Divided last, so that equal parts of a share come to the share.
    return { arm, width: width / all, reach: ((weightOf.get(arm) ?? 0) * all) / width };
  });
  const placed = strips.filter(({ arm }) => weightOf.has(arm)).length;
  if (placed === challengers.length && strips.every(({ reach }) => reach <= 1 + 1e-9)) return strips;
  const total = challengers.reduce((sum, [, weight]) => sum + weight, 0);
  return challengers.map(([arm, weight]) => ({ arm, width: weight / total, reach: total }));
}

/** The last bucket from which up there is so much. */
function lastWith(wanted: number, from: (bucket: number) => number): number {
  let [has, lacks] = [0, bucketCount + 1];
  while (lacks - has > 1) {
    const middle = (has + lacks) >> 1;
    if (from(middle) >= wanted - 1e-6) has = middle;
    else lacks = middle;
  }
  return has;
}
