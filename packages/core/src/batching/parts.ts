import type { TensorSpec } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { isOutOfMemory } from './out-of-memory';
import { checkOutputs, joinRows, viewRows } from './split';

/** What {@link computeInParts} needs. */
export interface PartsOptions {
  /** The inputs of a batch, with rows along axis 0. */
  readonly inputs: Tensors;
  /** Rows of the batch, 2 or more. */
  readonly rows: number;
  readonly specs: readonly TensorSpec[];
  readonly run: (inputs: Tensors) => Promise<Tensors>;
  /** Called for every batch of so many rows that found no memory, the first one included. */
  readonly onOutOfMemory: (rows: number) => void;
}

/**
 * Computes a batch that found no memory in parts of half its rows, one after the other, and of half of that where these
 * find none either, and joins the answers.
 * @throws whatever `run` throws but for lack of memory, and that too when a single row finds none; FairleadError
 * `OUTPUT_INVALID`
 */
export async function computeInParts({ inputs, rows, specs, run, onOutOfMemory }: PartsOptions): Promise<Tensors> {
  const outputs: Tensors[] = [];
  onOutOfMemory(rows);
  let partRows = rows >> 1;
  for (let start = 0; start < rows; ) {
    const count = Math.min(partRows, rows - start);
    try {
      const part = await run(rowsOf(inputs, start, count));
      checkOutputs(specs, part, count);
      outputs.push(part);
      start += count;
    } catch (error) {
      if (count === 1 || !isOutOfMemory(error)) throw error;
      onOutOfMemory(count);
      partRows = count >> 1;
    }
  }
  return joinRows(outputs, specs);
}

function rowsOf(inputs: Tensors, start: number, rows: number): Tensors {
  const part: Record<string, Tensor> = {};
  for (const name of Object.keys(inputs)) part[name] = viewRows(inputs[name] as Tensor, start, rows);
  return part;
}
