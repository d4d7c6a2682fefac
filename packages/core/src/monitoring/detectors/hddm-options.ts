import * as z from 'zod/mini';

/** What both HDDM detectors take. */
export interface ConfidenceOptions {
  /** How likely a drift is seen where there is none, at one observation; above 0, below 1. @default 0.001 */
  readonly driftConfidence?: number;
  /** The same of a warning; `driftConfidence` or more, below 1. @default 0.005 */
  readonly warningConfidence?: number;
  /** Whether decreases count as well as increases. @default false */
  readonly twoSided?: boolean;
}

const probability = () => z.number().check(z.gt(0), z.lt(1));

export const confidenceFields = {
  driftConfidence: z._default(probability(), 0.001),
  warningConfidence: z._default(probability(), 0.005),
  twoSided: z._default(z.boolean(), false),
};

interface Confidences {
  readonly driftConfidence: number;
  readonly warningConfidence: number;
}

export const warningIsEasier = z.refine<Confidences>(
  ({ driftConfidence, warningConfidence }) => driftConfidence <= warningConfidence,
  { path: ['warningConfidence'], error: 'driftConfidence or more' },
);
