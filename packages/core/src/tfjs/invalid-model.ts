import { FairleadError } from '../errors';

/** The error of bytes that are no TensorFlow.js model, or not a whole one. `reason` ends without a full stop. */
export function invalidModel(name: string, reason: string, cause?: unknown): FairleadError {
  return new FairleadError('MODEL_INVALID', `${name} is no TensorFlow.js model that can be loaded: ${reason}.`, {
    details: { field: 'model', expected: 'a TensorFlow.js layers or graph model', given: reason },
    ...(cause === undefined ? {} : { cause }),
  });
}
