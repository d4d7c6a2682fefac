import { checkAlias, checkModelName, checkVersion, invalidArgument } from '../names';

/** Which version of a model is meant: by alias or by number. */
export type ModelReference =
  | { readonly name: string; readonly alias: string }
  | { readonly name: string; readonly version: string };

/**
 * Reads `digits@champion` or `digits/2`.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function parseModelReference(reference: string): ModelReference {
  const match = typeof reference === 'string' ? /^([^@/]+)([@/])([^@/]+)$/.exec(reference) : null;
  if (match === null) {
    throw invalidArgument(
      'reference',
      'a model with an alias or a version, such as "digits@champion" or "digits/2"',
      reference,
    );
  }
  const [, name, sign, target] = match;
  checkModelName(name);
  if (sign === '@') {
    checkAlias(target);
    return { name, alias: target };
  }
  checkVersion(target);
  return { name, version: target };
}
