import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';

/** Characters of a name or an address; more than any that SageMaker makes. */
const maxLength = 1024;

/**
 * Checks the name of a model that a request brings: no part of it may lead out of a folder, wherever it is put.
 *
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkModelName(name: unknown): string {
  const fits =
    typeof name === 'string' &&
    name.length > 0 &&
    name.length <= maxLength &&
    /^[\x21-\x7e]+$/.test(name) &&
    !/[\\%?#]/.test(name) &&
    name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (fits) return name;
  throw invalid('model_name', 'a name without "..", backslashes and spaces', name);
}

/**
 * Checks the folder of a model that a request brings: an absolute path inside `root`, in its simplest form.
 *
 * @param root absolute, without a slash at its end
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkModelUrl(url: unknown, root: string): string {
  const fits =
    typeof url === 'string' &&
    url.length <= maxLength &&
    url.startsWith(`${root}/`) &&
    /^[\x21-\x7e]+$/.test(url) &&
    !/[\\%?#]/.test(url) &&
    url
      .slice(root.length + 1)
      .replace(/\/$/, '')
      .split('/')
      .every((part) => part !== '' && part !== '.' && part !== '..');
  if (fits) return url.replace(/\/$/, '');
  throw invalid('url', `a folder in ${root}, without ".."`, url);
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeGiven(value);
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
