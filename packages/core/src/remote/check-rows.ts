import { FairleadError } from '../errors';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';

/**
 * Checks that an answer has a row for each that was sent, where nothing in it says how many it has.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkRows({ outputs: specs, batchAxis }: ModelSignature, outputs: Tensors, rows: number): void {
  if (batchAxis === null) return;
  for (const { name } of specs) {
    const given = outputs[name]?.shape[batchAxis];
    if (given === rows) continue;
    const expected = `${rows} rows, as were sent`;
    throw new FairleadError('INVALID_INPUT', `Output ${name}: expected ${expected}, given ${given}.`, {
      details: { field: name, expected, given: String(given) },
    });
  }
}
