import type { Tensors } from '../tensor/tensor';

/** What a loaded model says about one of its inputs or outputs. */
export interface ValueClaim {
  readonly name: string;
  /** A dtype of the runtime; undefined where the model does not tell. */
  readonly dtype: string | undefined;
  /** `null` for an axis of any size; undefined where not even their number is told. */
  readonly shape: readonly (number | null)[] | undefined;
}

/** A model of the runtime, loaded on one device of this thread. */
export interface TfjsModel {
  readonly inputs: readonly ValueClaim[];
  readonly outputs: readonly ValueClaim[];
  /** Computes all outputs; the arrays that it answers are nobody else's. What the runtime throws comes as it is. */
  compute(inputs: Tensors): Promise<Tensors>;
  /** Frees the weights. */
  dispose(): void;
}
