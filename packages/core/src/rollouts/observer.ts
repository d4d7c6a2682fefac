import type { InputsOf } from '../signature';
import type { SharedSums } from './contracts';
import type { RolloutResult, RolloutRunOptions, RolloutTrace } from './result';

/** Sums of an observer that the replicas of a rollout share. */
export interface SharedObservations extends SharedSums {
  /** Says what they are sums of, the same in every replica: sums of other models have another name. */
  readonly name: string;
}

/**
 * Sees requests beside their way, as shadows, rewards and logs do. It must neither throw nor wait, and may change nothing;
 * of every request it hears the beginning, and then its answer or its failure.
 */
export interface RequestObserver {
  /** Before the request runs. Inputs are the caller's: copy what you keep. */
  onRequest?(trace: RolloutTrace, inputs: InputsOf, options: RolloutRunOptions): void;
  onAnswer?(trace: RolloutTrace, answer: RolloutResult): void;
  onFailure?(trace: RolloutTrace, error: unknown): void;
  /** What it counts, where that of all replicas together matters. An observer of one rollout alone. */
  readonly shared?: SharedObservations;
}
