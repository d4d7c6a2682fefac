import type { NumericDType } from '../tensor/dtype';
import type { SeasonKind } from './seasons';

/** One input of a model, as a reference describes it. */
export interface ReferenceInput {
  /** The input's name in the model's signature. */
  readonly name: string;
  /** The dtype that its tensors have. */
  readonly dtype: NumericDType;
  /** Values of one row: the product of every axis but the batch axis. Each is a feature. */
  readonly width: number;
}

/** How one feature was distributed in the training rows. */
export interface ReferenceFeature {
  /** Unique among the features of the reference. */
  readonly name: string;
  /**
   * Ascending edges; bin i holds values in (edges[i−1], edges[i]], the first reaches down and the last up without
   * limit. A feature that never had a finite value has no edges, and one bin.
   */
  readonly edges: readonly number[];
  /** Rows by bin: one more than there are edges. With the three tallies they add up to the reference's `rows`. */
  readonly counts: readonly number[];
  /** Rows that were NaN. */
  readonly missing: number;
  /** Rows that were −∞. */
  readonly negativeInfinity: number;
  /** Rows that were +∞. */
  readonly positiveInfinity: number;
  /** Mean of the finite values of all rows; `null` where there is none, as the next three. */
  readonly mean: number | null;
  /** Standard deviation of the finite values, dividing by their count (ddof 0). */
  readonly deviation: number | null;
  /** Least finite value. */
  readonly minimum: number | null;
  /** Greatest finite value. */
  readonly maximum: number | null;
}

/** The training distribution of a model's inputs, against which live rows are compared. Plain data. */
export interface Reference {
  /** Rows that the bins and tallies count, m in the null laws. */
  readonly rows: number;
  /** Rows that were read; more than `rows` when only a sample of them was kept. */
  readonly rowsRead: number;
  readonly inputs: readonly ReferenceInput[];
  /** The features of the first input, then of the second, and so on. */
  readonly features: readonly ReferenceFeature[];
  /** References of the hours or days, where they were fitted; the rest describes them all together. */
  readonly seasons?: SeasonalReferences;
}

/** A reference for each hour or day. */
export interface SeasonalReferences {
  readonly kind: SeasonKind;
  /** Minutes by which hours and days are ahead of UTC. */
  readonly utcOffsetMinutes: number;
  /** By season; `null` where there were too few rows, so that the whole counts. They have the inputs and names of the whole. */
  readonly references: readonly (Reference | null)[];
}

/** What limits a reference, so that a broken or hostile file cannot make a monitor allocate without end. */
export const referenceLimits = {
  /** Features. */
  features: 65_536,
  /** Edges of one feature. */
  edges: 510,
  /** Bytes of the serialised form. */
  bytes: 64 * 2 ** 20,
} as const;
