import { rowElements } from '../runner/door';
import type { ModelSignature } from '../signature';
import type { Tensor } from '../tensor/tensor';

/** What an item weighs while it is held. */
export interface Load {
  readonly rows: number;
  readonly bytes: number;
}

/** Measures inputs that nobody has checked yet: what makes no sense counts as one row, and is the runner's to refuse. */
export function compileLoad({ inputs: specs, batchAxis }: ModelSignature): (inputs: unknown) => Load {
  const [first] = specs;
  const elements = first === undefined || batchAxis === null ? undefined : rowElements(first, batchAxis);
  const rowsOf = (value: unknown): number => {
    if (first === undefined || batchAxis === null || typeof value !== 'object' || value === null) return 1;
    const { shape, length } = value as { shape?: readonly unknown[]; length?: number };
    const rows = Array.isArray(shape) ? shape[batchAxis] : (length ?? 1) / (elements ?? 1);
    return Number.isSafeInteger(rows) && (rows as number) > 0 ? (rows as number) : 1;
  };
  return (inputs) => {
    if (typeof inputs !== 'object' || inputs === null) return { rows: 1, bytes: 0 };
    const named = inputs as Readonly<Record<string, unknown>>;
    return { rows: rowsOf(first && named[first.name]), bytes: bytesOf(named) };
  };
}

/** Bytes of tensors or bare arrays; a text counts two for each of its units. */
export function bytesOf(tensors: Readonly<Record<string, unknown>>): number {
  let bytes = 0;
  for (const name in tensors) {
    const value = tensors[name];
    if (typeof value !== 'object' || value === null) continue;
    const data = 'data' in value ? (value as Tensor).data : value;
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else if (Array.isArray(data))
      for (const text of data) bytes += 8 + (typeof text === 'string' ? 2 * text.length : 0);
  }
  return bytes;
}
