import { FairleadError } from '@fairlead/core';
import type { GivenOf } from '../wire/index';
import type { ModelSpec } from './messages';

/** The one signature that a model has here, as TensorFlow's exporters call theirs. */
export const defaultSignature = 'serving_default';

/** Name and version of the model that a request means; a version that is no number may be given as a label. */
export function askedOf(spec: ModelSpec | undefined): { readonly model: string; readonly version: string | undefined } {
  const version = spec?.version === undefined ? spec?.version_label : String(spec.version.value);
  return { model: spec?.name ?? '', version: version === '' ? undefined : version };
}

/** The model that answered. A version that is a number is told as one, another as a label. */
export function specOf(name: string, version: string, signature = ''): GivenOf<ModelSpec> {
  const number = /^\d{1,15}$/.test(version) ? Number(version) : undefined;
  const given = number === undefined ? { version_label: version } : { version: { value: number } };
  return { name, signature_name: signature, ...given };
}

/** @throws FairleadError `INVALID_INPUT` for a signature that no model has here */
export function checkSignature(spec: ModelSpec | undefined, method: string): void {
  const name = spec?.signature_name ?? '';
  if (name === '' || name === defaultSignature || name === `tensorflow/serving/${method}`) return;
  const details = { field: 'model_spec.signature_name', expected: `"${defaultSignature}", or none`, given: 'another' };
  throw new FairleadError('INVALID_INPUT', `Request ${details.field}: expected ${details.expected}, given another.`, {
    details,
  });
}
