import type { Category } from './category';
import type { HeavyHitter, HeavyHittersJson } from './heavy-hitters-state';
import type { HyperLogLogJson } from './hyperloglog';
import type { LogBucketsJson } from './log-buckets-state';
import type { MomentsJson } from './moments';
import type { ReservoirJson } from './reservoir';

/** What a feature can be; `true` and `false` count as 1 and 0, `null` and `undefined` as missing. */
export type FeatureValue = Category | boolean | null | undefined;

/** A feature in words and figures. Where there is nothing to say it is `null`; parts that are not kept are left out. */
export interface FeatureSummary {
  /** Values that were seen, missing ones too. */
  readonly count: number;
  /** `null`, `undefined` and NaN. */
  readonly missing: number;
  /** Numbers, NaN and infinities among them. */
  readonly numbers: number;
  readonly texts: number;
  readonly numeric?: {
    readonly zeros: number;
    readonly negativeInfinity: number;
    readonly positiveInfinity: number;
    /** Of the finite values, as are the following. */
    readonly mean: number | null;
    /** Standard deviation, ddof 0. */
    readonly deviation: number | null;
    readonly minimum: number | null;
    readonly maximum: number | null;
    /** Shares and the values at or below which they lie, infinities among them. */
    readonly quantiles: readonly { readonly share: number; readonly value: number | null }[];
    /** How far off a quantile may be, as a share of it. */
    readonly relativeError: number;
  };
  /** How many different values, as estimated, and the standard error as a share of it. */
  readonly distinct?: { readonly count: number; readonly relativeError: number };
  /** The ten most frequent values; the true number of each is from `count − error` to `count`. */
  readonly top?: readonly HeavyHitter[];
}

/** The plain form of a feature sketch: what JSON holds. Parts that are not kept are `null`. */
export interface FeatureSketchJson {
  readonly format: 'fairlead-feature-sketch';
  readonly version: 1;
  /** Values that were `null` or `undefined`. */
  readonly absent: number;
  readonly numbers: number;
  /** Numbers that were NaN. */
  readonly notANumber: number;
  readonly texts: number;
  readonly numeric: { readonly buckets: LogBucketsJson; readonly moments: MomentsJson } | null;
  readonly distinct: HyperLogLogJson | null;
  readonly top: HeavyHittersJson | null;
  readonly sample: ReservoirJson | null;
}
