import type { LaneSlot } from '../batching/lane-slot';
import { splitRequest } from '../batching/oversized';
import { checkOutputs, joinRows } from '../batching/split';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import { type Admitted, byName, compileDoor } from '../runner/door';
import { labelOf } from '../runner/model-info';
import type { ModelInfo } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { compareTensors, type Difference } from './compare';
import { type Golden, parseGolden } from './parse-golden';

/** What computes the rows. */
type GoldenLane = Pick<LaneSlot, 'name' | 'session'>;

/** What is checked: a model, as it is going to compute. */
export interface GoldenTarget {
  readonly signature: ModelSignature;
  readonly lanes: readonly GoldenLane[];
  /** Most rows of one batch; infinite where a request is never split. */
  readonly maxRows: number;
}

/**
 * Computes golden rows on every lane and compares.
 * @throws FairleadError `GOLDEN_MISMATCH`, `SIGNATURE_MISMATCH` when the rows are no rows of this model, and what running
 * it threw
 */
export type GoldenCheck = (target: GoldenTarget, options: CallOptions) => Promise<void>;

/**
 * Reads the golden rows of a model.
 * @throws FairleadError `STORE_CORRUPT`, `UNSUPPORTED`, `LIMIT_EXCEEDED`
 */
export function createGoldenCheck(bytes: Uint8Array, model: ModelInfo): GoldenCheck {
  const golden = parseGolden(bytes, labelOf(model));
  return async (target, options) => {
    const requests = admitCases(golden, target.signature, model);
    // All lanes are waited for, so that no session is closed under a batch that it computes.
    const results = await Promise.allSettled(
      target.lanes.map((lane) => checkLane(lane, golden, requests, model, target, options)),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  };
}

/** Passes the golden rows through the door that every request passes. */
function admitCases(golden: Golden, signature: ModelSignature, model: ModelInfo): Admitted[] {
  const door = compileDoor(signature);
  return golden.cases.map(({ inputs, outputs }, index) => {
    for (const [name, { dtype }] of Object.entries(outputs)) {
      const spec = signature.outputs.find((output) => output.name === name);
      if (spec?.dtype === dtype) continue;
      const field = `cases[${index}].outputs.${name}`;
      const given = `${name} (${dtype})`;
      throw otherModel(
        model,
        field,
        signature.outputs.map((output) => `${output.name} (${output.dtype})`).join(', '),
        given,
      );
    }
    try {
      return door(inputs);
    } catch (error) {
      const { field, expected, given } = FairleadError.isInstance(error) ? error.details : {};
      throw otherModel(model, `cases[${index}].inputs.${field}`, `${expected}`, `${given}`, error);
    }
  });
}

async function checkLane(
  lane: GoldenLane,
  golden: Golden,
  requests: readonly Admitted[],
  model: ModelInfo,
  target: GoldenTarget,
  options: CallOptions,
): Promise<void> {
  for (const [index, request] of requests.entries()) {
    throwIfAborted(options.signal, 'The check of the golden rows');
    const given = await runCase(lane, request, target, options).catch((error: unknown) => {
      throw failedOn(error, model, lane, index);
    });
    for (const [name, expected] of Object.entries(golden.cases[index]?.outputs ?? {})) {
      const difference = compareTensors(expected, given[name] as Tensor, golden.tolerance.get(name));
      if (difference !== undefined) throw mismatch(difference, name, index, model, lane, golden);
    }
  }
}

async function runCase(
  { session }: GoldenLane,
  request: Admitted,
  { signature, maxRows }: GoldenTarget,
  options: CallOptions,
): Promise<Tensors> {
  const parts = request.rows > maxRows ? splitRequest(request, maxRows) : [request];
  const answers: Tensors[] = [];
  for (const { rows, tensors } of parts) {
    const outputs = await session.doRun(byName(signature.inputs, tensors), options);
    checkOutputs(signature.outputs, outputs, Number.isFinite(maxRows) ? rows : null);
    answers.push(outputs);
  }
  return answers.length === 1 ? (answers[0] as Tensors) : joinRows(answers, signature.outputs);
}

function mismatch(
  difference: Difference,
  output: string,
  index: number,
  model: ModelInfo,
  lane: GoldenLane,
  { sha256 }: Golden,
): FairleadError {
  const { at, expected, given, differing, elements } = difference;
  const field = `cases[${index}].outputs.${output}${at === undefined ? '' : `[${at.join(', ')}]`}`;
  const count = at === undefined ? '' : ` ${differing} of ${elements} elements differ.`;
  const other =
    sha256 === undefined || sha256 === model.digest
      ? ''
      : ` They were recorded from another model (${sha256.slice(0, 8)}).`;
  return new FairleadError(
    'GOLDEN_MISMATCH',
    `${labelOf(model)} does not answer its golden rows on lane ${lane.name} (${lane.session.device}): ${field}: expected ${expected}, given ${given}.${count}${other} Check that the model and its rows belong together and that the device computes right; if both are as they should be, record the rows anew with recordGolden.`,
    { details: { field, expected, given, output, ...(at?.[0] === undefined ? {} : { row: at[0] }), lane: lane.name } },
  );
}

function otherModel(model: ModelInfo, field: string, expected: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'SIGNATURE_MISMATCH',
    `The golden rows of ${labelOf(model)} do not fit it: ${field}: expected ${expected}, given ${given}. Record them anew with recordGolden.`,
    { details: { field, expected, given }, cause },
  );
}

function failedOn(error: unknown, model: ModelInfo, lane: GoldenLane, index: number): unknown {
  if (FairleadError.isInstance(error, 'ABORTED')) return error;
  const code = FairleadError.isInstance(error) ? error.code : 'RUN_FAILED';
  return new FairleadError(
    code,
    `${labelOf(model)} failed on its golden rows (case ${index}, lane ${lane.name}): ${messageOf(error)}`,
    { cause: error, details: FairleadError.isInstance(error) ? error.details : {} },
  );
}
