import { FairleadError } from '../errors';
import type { LoadedModel } from '../model-source';
import type { ModelSignature, TensorSpec } from '../signature';
import { formatShape } from '../tensor/tensor';
import type { ModelInfo } from './runner';

/** The part of a model that answers carry. */
export function infoOf({ name, version, digest }: LoadedModel): ModelInfo {
  return { name, version, digest };
}

/** `digits 2 (1f3a5c7e)`, for messages. */
export function labelOf({ name, version, digest }: ModelInfo): string {
  return `${name} ${version} (${digest.slice(0, 8)})`;
}

/**
 * Checks that one model can take the place of another: the same inputs, outputs and batch axis. Symbolic dimensions may
 * have other names.
 * @throws FairleadError `SIGNATURE_MISMATCH` that names the first difference
 */
export function checkInterchangeable(current: ModelSignature, next: ModelSignature): void {
  checkSpecs('input', current.inputs, next.inputs);
  checkSpecs('output', current.outputs, next.outputs);
  if (current.batchAxis !== next.batchAxis) {
    throw mismatch('batch axis', String(current.batchAxis), String(next.batchAxis));
  }
}

function checkSpecs(kind: string, current: readonly TensorSpec[], next: readonly TensorSpec[]): void {
  const describe = (specs: readonly TensorSpec[]): string => specs.map((spec) => spec.name).join(', ') || 'none';
  if (current.length !== next.length) throw mismatch(`${kind}s`, describe(current), describe(next));
  for (const spec of current) {
    const other = next.find((candidate) => candidate.name === spec.name);
    if (other === undefined) throw mismatch(`${kind}s`, describe(current), describe(next));
    if (other.dtype !== spec.dtype) throw mismatch(`${kind} "${spec.name}"`, spec.dtype, other.dtype);
    const sameShape =
      spec.shape.length === other.shape.length &&
      spec.shape.every(
        (size, axis) =>
          size === other.shape[axis] || (typeof size === typeof other.shape[axis] && typeof size === 'string'),
      );
    if (!sameShape) throw mismatch(`${kind} "${spec.name}"`, formatShape(spec.shape), formatShape(other.shape));
  }
}

function mismatch(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'SIGNATURE_MISMATCH',
    `The new model cannot take the old one's place: ${field}: expected ${expected}, given ${given}. Make a new runner for it.`,
    { details: { field, expected, given } },
  );
}
