import type { ModelSignature, TensorSpec } from '../../signature';
import { bytesPerElement } from '../../tensor/dtype';
import { datatypeOf } from './datatypes';

/** What a request may be. */
export interface RequestLimits {
  readonly maxBodyBytes: number;
  readonly maxTensorElements: number;
}

/**
 * Writes a model's configuration as Triton's model configuration extension has it: what its clients and `perf_analyzer` read to
 * find out how requests look. `max_batch_size` counts the rows that one request may have by the limits of this server, 0
 * where rows are not joined along the first axis; where it is more than 0, `dims` leave that axis out.
 */
export function encodeConfig(modelName: string, signature: ModelSignature, limits: RequestLimits): string {
  const isBatched = signature.batchAxis === 0;
  const dims = ({ shape }: TensorSpec): number[] =>
    (isBatched ? shape.slice(1) : shape).map((size) => (typeof size === 'number' ? size : -1));
  const encode = (spec: TensorSpec) => ({ name: spec.name, data_type: dataTypeOf(spec), dims: dims(spec) });
  return JSON.stringify({
    name: modelName,
    platform: 'fairlead',
    backend: 'fairlead',
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: isBatched ? maxRows(signature, limits) : 0,
    input: signature.inputs.map((spec) => ({
      ...encode(spec),
      format: 'FORMAT_NONE',
      is_shape_tensor: false,
      allow_ragged_batch: false,
      optional: false,
    })),
    output: signature.outputs.map((spec) => ({ ...encode(spec), label_filename: '', is_shape_tensor: false })),
    ...(isBatched ? { dynamic_batching: {} } : {}),
    parameters: {},
  });
}

/** Triton's configuration has names of its own, beside those of the protocol. */
function dataTypeOf({ dtype }: TensorSpec): string {
  return dtype === 'string' ? 'TYPE_STRING' : `TYPE_${datatypeOf(dtype)}`;
}

/** Rows of which every input fits; open sizes count as 1. At least 1, and what Triton's 32 bits hold at most. */
function maxRows({ inputs }: ModelSignature, { maxBodyBytes, maxTensorElements }: RequestLimits): number {
  const elementsOf = ({ shape }: TensorSpec): number =>
    shape.slice(1).reduce<number>((count, size) => count * (typeof size === 'number' ? Math.max(1, size) : 1), 1);
  const byElements = Math.min(...inputs.map((spec) => maxTensorElements / elementsOf(spec)));
  const rowBytes = inputs.reduce((sum, spec) => sum + elementsOf(spec) * bytesPerElement(spec.dtype), 0);
  return Math.max(1, Math.min(2 ** 31 - 1, Math.floor(Math.min(byElements, maxBodyBytes / rowBytes))));
}
