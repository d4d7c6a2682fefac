import type { InputsOf } from '../signature';
import type { RolloutResult, RolloutRunOptions, RolloutTrace } from './result';

/**
 * Sees requests beside their way, as shadows, rewards and logs do. It must neither throw nor wait, and may change nothing;
 * of every request it hears the beginning, and then its answer or its failure.
 */
export interface RequestObserver {
  /** Before the request runs. Inputs are the caller's: copy what you keep. */
  onRequest?(trace: RolloutTrace, inputs: InputsOf, options: RolloutRunOptions): void;
  onAnswer?(trace: RolloutTrace, answer: RolloutResult): void;
  onFailure?(trace: RolloutTrace, error: unknown): void;
}
