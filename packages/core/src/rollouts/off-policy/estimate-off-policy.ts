import { describeValue } from '../../config';
import { FairleadError, throwIfAborted } from '../../errors';
import type { CallOptions } from '../../lifecycle';
import type { LoggedDecision } from '../rewards/logged-decision';
import { createOffPolicyEstimator, type OffPolicyReport } from './estimator';
import type { OffPolicyOptions } from './options';

/** Options of {@link estimateOffPolicy}. */
export interface EstimateOffPolicyOptions extends OffPolicyOptions, CallOptions {
  /** Called after every thousand decisions. @param decisions how many were read */
  readonly onProgress?: (decisions: number) => void;
}

const progressEvery = 1000;

/**
 * What a policy would have earned, from decisions that another one took, such as `decisions()` of a rollout or a decision log: by
 * inverse propensities, self-normalised, and doubly robust; see {@link createOffPolicyEstimator} for the formulas. Decisions are read
 * one by one and not held.
 *
 * @param decisions in the order in which they were taken
 * @throws FairleadError `INVALID_OPTION`; `INVALID_INPUT` for a decision that cannot be used; `NOT_FOUND` where none has a reward;
 * `ABORTED`
 */
export async function estimateOffPolicy(
  decisions: Iterable<LoggedDecision> | AsyncIterable<LoggedDecision>,
  given: EstimateOffPolicyOptions,
): Promise<OffPolicyReport> {
  // Without a policy it is refused as any other wrong option.
  const { signal, onProgress, ...options } = given ?? {};
  const estimator = createOffPolicyEstimator(options);
  if (!isIterable(decisions)) {
    const given = describeValue(decisions);
    throw new FairleadError(
      'INVALID_ARGUMENT',
      `estimateOffPolicy: "decisions" is wrong: expected an iterable of decisions, given ${given}.`,
      { details: { field: 'decisions', expected: 'an iterable of decisions', given } },
    );
  }
  let read = 0;
  throwIfAborted(signal, 'estimateOffPolicy');
  for await (const decision of decisions) {
    throwIfAborted(signal, 'estimateOffPolicy');
    estimator.add(decision);
    if (++read % progressEvery === 0) onProgress?.(read);
  }
  return estimator.report();
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);
}
