import { describeValue } from '../config';
import { FairleadError } from '../errors';
import { labelOf } from '../runner/model-info';
import type { ModelInfo, ModelRunner } from '../runner/runner';
import { encodeElements } from '../tensor/json/encode-elements';
import type { Tensor, Tensors } from '../tensor/tensor';
import { type GoldenTolerance, goldenFormat, goldenVersion, type RecordGoldenOptions } from './golden-file';
import { checkTolerance, parseGolden } from './parse-golden';

/**
 * The work of `recordGolden`. What it wrote is read again before it is handed out, so nothing leaves that the check would
 * refuse.
 */
export async function writeGolden(
  runner: ModelRunner,
  requests: readonly Tensors[],
  { outputs, tolerance, signal }: RecordGoldenOptions,
): Promise<Uint8Array> {
  if (!Array.isArray(requests) || requests.length === 0) {
    throw invalid('requests', 'an array of at least one request', requests);
  }
  const known = runner.signature.outputs.map(({ name }) => name);
  const recorded = outputs ?? known;
  for (const name of [...recorded, ...Object.keys(tolerance ?? {})]) {
    if (!known.includes(name)) throw invalid('outputs', `names among ${known.join(', ')}`, name);
  }
  if (tolerance !== undefined) checkTolerances(tolerance);

  let model: ModelInfo | undefined;
  const lines: string[] = [];
  for (const inputs of requests) {
    const result = await runner.run(inputs, signal === undefined ? {} : { signal });
    model ??= result.model;
    if (model.digest !== result.model.digest || model.version !== result.model.version) {
      throw new FairleadError(
        'CONFLICT',
        `The runner swapped from ${labelOf(model)} to ${labelOf(result.model)} while golden rows were recorded. Record them again.`,
      );
    }
    lines.push(`{"inputs":${encodeTensors(inputs)},"outputs":${encodeTensors(result.outputs, recorded)}}`);
  }
  const sha256 = model?.digest === '' ? undefined : model?.digest;
  const head = JSON.stringify({ format: goldenFormat, version: goldenVersion, sha256, tolerance }).slice(0, -1);
  const bytes = new TextEncoder().encode(`${head},"cases":[\n${lines.join(',\n')}\n]}\n`);
  parseGolden(bytes, labelOf(model as ModelInfo));
  return bytes;
}

function encodeTensors(tensors: Tensors, names: readonly string[] = Object.keys(tensors)): string {
  return `{${names.map((name) => `${JSON.stringify(name)}:${encodeTensor(tensors[name] as Tensor)}`)}}`;
}

function encodeTensor(tensor: Tensor): string {
  return `{"dtype":"${tensor.dtype}","shape":[${tensor.shape}],"data":[${encodeElements(tensor)}]}`;
}

function checkTolerances(tolerances: Readonly<Record<string, GoldenTolerance>>): void {
  for (const [name, given] of Object.entries(tolerances)) {
    try {
      checkTolerance(given, `tolerance.${name}`);
    } catch (error) {
      if (!FairleadError.isInstance(error)) throw error;
      throw new FairleadError('INVALID_ARGUMENT', `recordGolden: ${error.message}`, { details: error.details });
    }
  }
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `recordGolden: ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
