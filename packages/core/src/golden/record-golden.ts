import { byName, compileDoor } from '../runner/door';
import type { ModelRunner } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { Tensor } from '../tensor/tensor';
import type { RecordGoldenOptions } from './golden-file';

/**
 * Runs requests and writes them down with their answers, as the golden rows that travel with the model:
 * `digits.golden.json` beside `digits.onnx`, or the sidecar `golden` of a registry's version. A handful of rows on which
 * versions differ says more than many that are alike. Each request runs alone, one after the other.
 *
 * @param requests inputs as `run` takes them, each of one row or more; 1 to 1024 of them
 * @returns the bytes of the file, a `GoldenFile` as JSON
 * @throws FairleadError `INVALID_ARGUMENT`, `INVALID_INPUT`, `LIMIT_EXCEEDED` above 64 MiB; `CONFLICT` when the runner
 * swapped to another model meanwhile; whatever `run` throws
 */
export async function recordGolden<S extends AnySignature>(
  runner: ModelRunner<S>,
  requests: readonly InputsOf<S>[],
  options: RecordGoldenOptions = {},
): Promise<Uint8Array> {
  const { signature } = runner;
  const door = compileDoor(signature);
  // The arrays are the caller's again once this function waits for the first time.
  const copies = Array.isArray(requests)
    ? requests.map((request) => byName(signature.inputs, door(request).tensors.map(copyOf)))
    : requests;
  // Only who records pays for the writer.
  const { writeGolden } = await import('./write-golden');
  return writeGolden(runner as unknown as ModelRunner, copies as Parameters<typeof writeGolden>[1], options);
}

function copyOf({ dtype, shape, data }: Tensor): Tensor {
  return { dtype, shape: [...shape], data: data.slice() } as Tensor;
}
