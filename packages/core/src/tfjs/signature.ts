import { FairleadError, messageOf } from '../errors';
import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData } from '../tensor/dtype';
import { elementCount, formatShape, type Tensor, type Tensors } from '../tensor/tensor';
import type { TfjsDevice } from './packages';
import { isTfjsDType, type TfjsDType } from './tensors';
import type { TfjsModel, ValueClaim } from './tfjs-model';

/** Rows of the run that shows whether a model keeps rows apart: a number that no shape has by chance. */
const trialRows = 3;
/** Sizes that are tried for axes that are open besides the rows: the least, and one that convolutions take. */
const trialSizes = [1, 32];

/** An input about which everything is known. */
interface KnownValue {
  readonly name: string;
  readonly dtype: TfjsDType;
  readonly shape: readonly (number | null)[];
}

/** A run on zeros that did not fail. */
interface Trial {
  readonly rows: number;
  readonly outputs: Tensors;
}

/**
 * Settles the signature of a loaded model by a run on zeros, where one succeeds: it shows whether the device has every
 * operation, what the model does not tell about its outputs, and whether three rows in come as three rows out, without
 * which rows of several callers are not joined.
 *
 * @throws FairleadError `UNSUPPORTED` for an input or output of a dtype that has no place here or about which too little
 * is known, and for an operation that TensorFlow.js lacks; `BACKEND_UNAVAILABLE` for one that it has, but not on this
 * device
 */
export async function settleSignature(
  model: TfjsModel,
  modelName: string,
  device: TfjsDevice,
): Promise<ModelSignature> {
  const inputs = model.inputs.map((claim) => known(claim, 'input'));
  const rowsOpen = inputs.length > 0 && inputs.every(({ shape }) => shape[0] === null);
  const othersOpen = inputs.some(({ shape }) => shape.some((size, axis) => size === null && !(rowsOpen && axis === 0)));
  const trial = await tryOut(model, inputs, { rowsOpen, othersOpen }, (error) => refusal(modelName, device, error));
  const outputs = model.outputs.map((claim) => known(completed(claim, trial, { rowsOpen, othersOpen }), 'output'));
  const joinable =
    rowsOpen &&
    outputs.every(({ shape }) => shape[0] === null) &&
    (trial === undefined ? othersOpen : keepsRows(trial));
  const batchAxis = joinable ? 0 : null;
  const named = ({ name, dtype, shape }: KnownValue): TensorSpec => ({
    name,
    dtype,
    // No axis has a name here, and two of one name would have to be equal, so each gets a name of its own.
    shape: shape.map((size, axis) => size ?? (axis === batchAxis ? 'batch' : `${name}_dim${axis}`)),
  });
  return { inputs: inputs.map(named), outputs: outputs.map(named), batchAxis };
}

interface OpenAxes {
  /** Whether the first axis of every input is open. */
  readonly rowsOpen: boolean;
  /** Whether any other axis of an input is. */
  readonly othersOpen: boolean;
}

/** Undefined when no run succeeds: zeros may be no input for this model, or its sizes not be found by trying. */
async function tryOut(
  model: TfjsModel,
  inputs: readonly KnownValue[],
  { rowsOpen, othersOpen }: OpenAxes,
  refusalOf: (error: unknown) => FairleadError | undefined,
): Promise<Trial | undefined> {
  for (const size of othersOpen ? trialSizes : [1]) {
    for (const rows of rowsOpen ? [trialRows, 1] : [size]) {
      try {
        return { rows, outputs: await model.compute(zeros(inputs, rows, size)) };
      } catch (error) {
        const refused = refusalOf(error);
        if (refused !== undefined) throw refused;
      }
    }
  }
  return undefined;
}

function zeros(inputs: readonly KnownValue[], rows: number, size: number): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of inputs) {
    const sizes = shape.map((given, axis) => given ?? (axis === 0 ? rows : size));
    tensors[name] = { dtype, shape: sizes, data: allocateData(dtype, elementCount(sizes)) };
  }
  return tensors;
}

/** Whether a run failed for what the runtime or this device of it lacks, rather than for its inputs. */
function refusal(modelName: string, device: TfjsDevice, error: unknown): FairleadError | undefined {
  const message = messageOf(error);
  const operation = /Unknown op '([^']+)'/.exec(message)?.[1];
  if (operation !== undefined) {
    return new FairleadError(
      'UNSUPPORTED',
      `${modelName} has the operation "${operation}", which TensorFlow.js does not have. Make the model without it.`,
      { cause: error, details: { field: operation, expected: 'an operation of TensorFlow.js' } },
    );
  }
  if (!/not registered for backend|not (yet )?supported|does not support/.test(message)) return undefined;
  const code = device === 'cpu' ? 'UNSUPPORTED' : 'BACKEND_UNAVAILABLE';
  return new FairleadError(code, `${modelName} does not run on ${device}: ${message}`, { cause: error });
}

function keepsRows({ rows, outputs }: Trial): boolean {
  return rows === trialRows && Object.values(outputs).every(({ shape }) => shape[0] === trialRows);
}

/** What the model claims of an output, with what a run has shown in the place of what it does not tell. */
function completed(claim: ValueClaim, trial: Trial | undefined, { rowsOpen, othersOpen }: OpenAxes): ValueClaim {
  const shown = trial?.outputs[claim.name];
  if (shown === undefined) return claim;
  const shape =
    claim.shape ??
    shown.shape.map((size, axis) => {
      const isRows = axis === 0 && rowsOpen && size === trial?.rows;
      return isRows || othersOpen ? null : size;
    });
  return { name: claim.name, dtype: shown.dtype, shape };
}

function known({ name, dtype, shape }: ValueClaim, kind: 'input' | 'output'): KnownValue {
  if (isTfjsDType(dtype) && shape !== undefined) return { name, dtype, shape };
  const given =
    dtype !== undefined && !isTfjsDType(dtype)
      ? `of dtype ${dtype}`
      : `of ${dtype ?? 'an unknown dtype'} and ${shape === undefined ? 'unknown rank' : `shape ${formatShape(shape)}`}`;
  throw new FairleadError(
    'UNSUPPORTED',
    `The ${kind} "${name}" is ${given}; expected a float32, int32, bool or string tensor of known rank. Convert the model again with a signature that says what its inputs and outputs are.`,
    { details: { field: name, expected: 'a float32, int32, bool or string tensor of known rank', given } },
  );
}
