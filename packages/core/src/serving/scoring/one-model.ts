import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import type { ModelHost } from '../host/model-host';

/**
 * The model that paths without a name mean: the one that the option names, else the only one that is served.
 *
 * @param owner the factory's name, for messages
 * @returns its name, asked anew for each request, since repositories change; undefined while there are several, or none
 * @throws FairleadError `INVALID_OPTION` for a name that is not served and cannot be loaded, and for none where several models
 * are served for good
 */
export function meantModel(host: ModelHost, given: string | undefined, owner: string): () => string | undefined {
  const { catalog, repository } = host;
  const fixed = catalog.fixedEntries().map(({ name }) => name);
  const known = [...fixed, ...(repository?.names ?? [])];
  if (given !== undefined) {
    if (typeof given === 'string' && known.includes(given)) return () => given;
    throw invalidOption(owner, `one of ${quoted(known)}`, describeValue(given));
  }
  if (fixed.length > 1 && repository === undefined)
    throw invalidOption(owner, `one of ${quoted(fixed)}, since its paths name no model`, 'nothing');
  return () => {
    const all = catalog.all();
    return all.length === 1 ? all[0]?.name : undefined;
  };
}

/** The error for a request to a path without a name while it is not clear which model it means. */
export function noSuchModel(host: ModelHost): FairleadError {
  const names = host.catalog.all().map(({ name }) => name);
  const expected = names.length === 0 ? 'a model that is loaded' : `one model; there are ${quoted(names)}`;
  return new FairleadError('NOT_FOUND', `This path names no model, and needs ${expected}.`, {
    details: { field: 'model', expected, given: `${names.length} models` },
  });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function invalidOption(owner: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "model" is wrong: expected ${expected}, given ${given}.`,
    { details: { field: 'model', expected, given } },
  );
}
