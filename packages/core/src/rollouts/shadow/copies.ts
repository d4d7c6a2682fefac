import type { InputsOf } from '../../signature';
import type { Tensor, Tensors } from '../../tensor/tensor';

/** Copies of outputs: what a caller was given is the caller's, and may be a view of a batch that many share. */
export function copyOutputs(outputs: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape: [...shape], data: data.slice() } as Tensor,
    ]),
  );
}

/** About how many bytes inputs or outputs hold; what is no number counts as eight. */
export function bytesOf(values: InputsOf | Tensors): number {
  let bytes = 0;
  for (const value of Object.values((values as object | null) ?? {}) as unknown[]) {
    const data: unknown = ArrayBuffer.isView(value) || Array.isArray(value) ? value : (value as Tensor | null)?.data;
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else if (Array.isArray(data)) {
      for (const item of data as unknown[]) bytes += typeof item === 'string' ? 2 * item.length : 8;
    }
  }
  return bytes;
}
