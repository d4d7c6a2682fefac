import { FairleadError } from '../../errors';
import type { Tensors } from '../../tensor/tensor';
import { type CompareOutputsOptions, compareOutputs } from '../compare/compare-outputs';

/** How answers agree with logged ones. A plain object. */
export interface ReplayAgreement {
  /** Answers that were compared; the others were not logged in full. */
  readonly compared: number;
  /** Answers of another form than those logged: other outputs, dtypes or shapes. */
  readonly incomparable: number;
  /** Share of those compared whose elements are all within the tolerance. */
  readonly withinTolerance: number;
  /** Largest difference of two finite numbers. */
  readonly largestDifference: number;
  /** Share with the highest score in the same place; absent where there are no scores. */
  readonly sameTop?: number;
}

/** Adds up comparisons of answers, one row each. */
export function createReplayTally(options: CompareOutputsOptions): {
  add(logged: Tensors | undefined, outputs: Tensors): void;
  read(): ReplayAgreement;
} {
  let compared = 0;
  let incomparable = 0;
  let within = 0;
  let largestDifference = 0;
  let scored = 0;
  let sameTop = 0;
  return {
    add(logged, outputs) {
      if (logged === undefined) return;
      try {
        const found = compareOutputs(logged, outputs, options);
        compared++;
        within += found.withinTolerance === found.rows ? 1 : 0;
        largestDifference = Math.max(largestDifference, found.largestDifference);
        if (found.sameTop === undefined) return;
        scored++;
        sameTop += found.sameTop === found.rows ? 1 : 0;
      } catch (error) {
        if (!FairleadError.isInstance(error, 'INVALID_ARGUMENT') || error.details.field === 'scores') throw error;
        incomparable++;
      }
    },
    read: () => ({
      compared,
      incomparable,
      withinTolerance: compared === 0 ? 0 : within / compared,
      largestDifference,
      ...(scored === 0 ? {} : { sameTop: sameTop / scored }),
    }),
  };
}
