import type { DataOf, DType } from './tensor/dtype';
import type { Tensor, Tensors } from './tensor/tensor';

/** Name, element type and shape of one input or output. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  /** Size of each axis; a string names a symbolic dimension, which any size fits. */
  readonly shape: readonly (number | string)[];
}

/** What goes into a model and what comes out. */
export interface ModelSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /**
   * The axis along which rows of several callers can be joined, the same one in every input and output; `null` when
   * the model takes a fixed number of rows, and then requests run one by one.
   */
  readonly batchAxis: number | null;
}

/** The type of a signature: dtypes by name. Written by hand or generated, it gives `run` its types. */
export interface AnySignature {
  readonly inputs: Readonly<Record<string, DType>>;
  readonly outputs: Readonly<Record<string, DType>>;
}

/** One input as a caller may give it: a tensor, or a bare array where the model's signature makes the shape plain. */
export type InputValue<D extends DType = DType> = Tensor<D> | DataOf<D>;

/** The inputs of `run` for a signature type. */
export type InputsOf<S extends AnySignature = AnySignature> = string extends keyof S['inputs']
  ? Readonly<Record<string, InputValue>>
  : { readonly [Name in keyof S['inputs']]: InputValue<S['inputs'][Name]> };

/** The outputs of `run` for a signature type. */
export type OutputsOf<S extends AnySignature = AnySignature> = string extends keyof S['outputs']
  ? Tensors
  : { readonly [Name in keyof S['outputs']]: Tensor<S['outputs'][Name]> };
