import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';

/** The name of the one signature that a model has here, as exporters of TensorFlow call theirs. */
export const defaultSignatureName = 'serving_default';

/** Names that stand for a model's signature in a predict request. */
export const predictSignatures: readonly string[] = [defaultSignatureName, 'tensorflow/serving/predict'];
/** Those of a classify request. */
export const classifySignatures: readonly string[] = [defaultSignatureName, 'tensorflow/serving/classify'];
/** Those of a regress request. */
export const regressSignatures: readonly string[] = [defaultSignatureName, 'tensorflow/serving/regress'];

/**
 * Checks `signature_name`; nothing and "" are the default one.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkSignatureName(name: unknown, known: readonly string[]): void {
  if (name === undefined || name === '' || known.includes(name as string)) return;
  const field = 'signature_name';
  const expected = `${known.map((each) => `"${each}"`).join(' or ')}, or none`;
  const given = describeGiven(name);
  throw new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
