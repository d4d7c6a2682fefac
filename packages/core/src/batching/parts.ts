import { FairleadError } from '../errors';
import type { TensorSpec } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { isOutOfMemory } from './out-of-memory';
import { checkOutputs, joinRows, viewRows } from './split';

/** What {@link computeInParts} needs. */
export interface PartsOptions {
  /** The inputs of a batch, with rows along axis 0. */
  readonly inputs: Tensors;
  /** Rows of the batch. */
  readonly rows: number;
  /** Rows of a part, 1 or more. */
  readonly partRows: number;
  readonly specs: readonly TensorSpec[];
  readonly run: (inputs: Tensors) => Promise<Tensors>;
  /** Whether anybody still waits for the answer; where nobody does, the rest is not computed. */
  readonly isWanted: () => boolean;
  /** Called for every part of so many rows that found no memory. */
  readonly onOutOfMemory: (rows: number) => void;
}

/**
 * Computes a batch in parts, one after the other, because there was no memory for so many rows at once, and joins the
 * answers. A part that finds none either is computed in halves.
 * @throws whatever `run` throws but for lack of memory, and that too when a single row finds none; FairleadError
 * `OUTPUT_INVALID`; `ABORTED` when nobody waits any more
 */
export async function computeInParts(options: PartsOptions): Promise<Tensors> {
  const { inputs, rows, specs, run, isWanted, onOutOfMemory } = options;
  let { partRows } = options;
  const outputs: Tensors[] = [];
  for (let start = 0; start < rows; ) {
    if (!isWanted()) throw new FairleadError('ABORTED', 'The batch was given up, since nobody waits for it any more.');
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
