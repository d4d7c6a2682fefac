import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { encodeElements } from '../../tensor/json/encode-elements';
import type { Tensor, Tensors } from '../../tensor/tensor';

/** The output of a row. @throws FairleadError `OUTPUT_INVALID` when the model left it out */
export function outputOf(outputs: Tensors, name: string): Tensor {
  const tensor = outputs[name];
  if (tensor !== undefined) return tensor;
  throw new FairleadError(
    'OUTPUT_INVALID',
    `The model's answer lacks the output "${name}" that its signature promises.`,
  );
}

/** Sizes of one row of a tensor or spec. */
export function rowSizes<Size>(shape: readonly Size[], batchAxis: number | null): readonly Size[] {
  return batchAxis === null ? shape : shape.filter((_size, axis) => axis !== batchAxis);
}

/** Elements that a row of an output has; undefined where the signature leaves a size open. */
export function fixedElements({ shape }: TensorSpec, { batchAxis }: ModelSignature): number | undefined {
  let count = 1;
  for (const size of rowSizes(shape, batchAxis)) {
    if (typeof size === 'string') return undefined;
    count *= size;
  }
  return count;
}

/** The one row of a tensor as JSON: a scalar, or arrays nested as it is. */
export function rowJson(tensor: Tensor, batchAxis: number | null): string {
  const sizes = rowSizes(tensor.shape, batchAxis);
  if (sizes.length <= 1) {
    const elements = encodeElements(tensor);
    return sizes.length === 0 ? elements : `[${elements}]`;
  }
  let at = 0;
  const nest = (axis: number): string => {
    const size = sizes[axis] as number;
    if (axis === sizes.length - 1) {
      const data = tensor.data.slice(at, at + size);
      at += size;
      return `[${encodeElements({ ...tensor, data } as Tensor)}]`;
    }
    return `[${Array.from({ length: size }, () => nest(axis + 1)).join(',')}]`;
  };
  return nest(0);
}

/** The elements of a row, each as text that reads back as the same element. */
export function elementTexts(tensor: Tensor): string[] {
  if (tensor.dtype === 'string') return tensor.data as string[];
  const text = encodeElements(tensor);
  // Only NaN and the infinities are in quotes.
  return text === '' ? [] : text.replaceAll('"', '').split(',');
}
