import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, type DataOf, isDataOf } from '../tensor/dtype';
import { type Admitted, rowElements } from './door';

/** Beyond so many elements an array takes the door itself: a request that is kept in mind here must not keep much. */
const maxElements = 16_384;

/** A request whose tensors are valid only until the next request comes to the same door. */
export type QuickDoor = (inputs: Readonly<Record<string, unknown>>) => Admitted | undefined;

interface MutableTensor {
  readonly dtype: TensorSpec['dtype'];
  readonly shape: number[];
  data: DataOf;
}

interface MutableAdmitted extends Admitted {
  rows: number;
}

/**
 * The quick way through the door, for the plainest requests: one bare array for each input, where the signature leaves
 * nothing open but the rows. It allocates nothing: what it answers must be copied before the next request comes. Whatever
 * is not plain or not right gets `undefined`, and is for the door itself, which knows what is wrong.
 *
 * @returns undefined where the signature has no such requests
 */
export function compileQuickDoor({ inputs: specs, batchAxis }: ModelSignature): QuickDoor | undefined {
  const elements = specs.map((spec) => rowElements(spec, batchAxis));
  if (batchAxis !== 0 || specs.length === 0) return undefined;
  if (!elements.every((count) => count !== undefined && count > 0)) return undefined;
  if (specs.some(({ dtype }) => dtype === 'string')) return undefined;
  const tensors: MutableTensor[] = specs.map((spec) => ({
    dtype: spec.dtype,
    shape: spec.shape.map((size) => (typeof size === 'number' ? size : 0)),
    data: allocateData(spec.dtype, 0),
  }));
  const admitted: MutableAdmitted = { rows: 0, tensors, shapeKey: '' };
  if (specs.length === 1) {
    return quickDoorOfOne(specs[0] as TensorSpec, elements[0] as number, tensors[0] as MutableTensor, admitted);
  }

  return (inputs) => {
    let rows = 0;
    for (let index = 0; index < specs.length; index++) {
      const { name, dtype } = specs[index] as TensorSpec;
      const data = (inputs as Readonly<Record<string, unknown>> | null | undefined)?.[name];
      if (!isDataOf(dtype, data) || data.length > maxElements) return undefined;
      const count = data.length / (elements[index] as number);
      if (!Number.isInteger(count) || count === 0 || (index > 0 && count !== rows)) return undefined;
      rows = count;
      const tensor = tensors[index] as MutableTensor;
      tensor.data = data;
      tensor.shape[0] = rows;
    }
    let given = 0;
    for (const _ in inputs) given++;
    if (given !== specs.length) return undefined;
    admitted.rows = rows;
    return admitted;
  };
}

/** The same for one input, as most models have. */
function quickDoorOfOne(
  { name, dtype }: TensorSpec,
  elements: number,
  tensor: MutableTensor,
  admitted: MutableAdmitted,
): QuickDoor {
  return (inputs) => {
    const data = (inputs as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (!isDataOf(dtype, data) || data.length > maxElements) return undefined;
    const rows = data.length === elements ? 1 : data.length / elements;
    if (!Number.isInteger(rows) || rows === 0) return undefined;
    for (const given in inputs) if (given !== name) return undefined;
    tensor.data = data;
    tensor.shape[0] = rows;
    admitted.rows = rows;
    return admitted;
  };
}
