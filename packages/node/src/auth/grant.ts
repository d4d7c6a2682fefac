import { describeValue, FairleadError, type Logger, messageOf, parseOptions } from '@fairlead/core';
import type { Principal } from '@fairlead/core/serving';
import { type Scope, scopeSchema } from './scope';

/**
 * Asks a user's function about credentials. One that fails lets nobody in.
 *
 * @param what the function, as `jwt: "scopesOf"`
 * @param principal whose credentials they are, where that is known
 * @throws FairleadError `FORBIDDEN`, or what the function throws where that is a FairleadError
 */
export function askUser<T>(what: string, logger: Logger, answer: () => T, principal?: Principal): T {
  try {
    const found = answer();
    // A promise is no answer, and what it fails with would end the process.
    if (found instanceof Promise) found.catch(() => {});
    return found;
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    logger.error({ error }, `${what} failed, so the caller was refused: ${messageOf(error)}`);
    throw unknownGrant(principal);
  }
}

/**
 * The scope that a user's function gives somebody, checked.
 *
 * @throws FairleadError `FORBIDDEN` where there is none, or it is no scope
 */
export function scopeOf(what: string, logger: Logger, principal: Principal, answer: () => unknown): Scope {
  const scope = askUser(what, logger, answer, principal);
  if (scope === undefined) {
    throw new FairleadError('FORBIDDEN', 'These credentials allow nothing here.', { details: { principal } });
  }
  try {
    checkFields(what, scope);
    return parseOptions(scopeSchema, scope, what) as Scope;
  } catch (error) {
    logger.error({ error }, `${what} gave no scope, so the caller was refused: ${messageOf(error)}`);
    throw unknownGrant(principal);
  }
}

/**
 * What is left out of a scope is open, so nothing may be left out by mistake: a promise has no fields of its own, nor has a Map, and what is
 * `undefined` is a claim that the token lacks.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
function checkFields(what: string, scope: unknown): void {
  const kind = Object.prototype.toString.call(scope);
  const isObject = kind === '[object Object]';
  const blank = ['models', 'operations'].find((name) => isObject && isBlank(scope as object, name));
  if (isObject && blank === undefined) return;
  const expected = isObject
    ? `a list as "${blank}"`
    : 'an object {models, operations, rateLimit}, at once and not as a promise';
  const given = isObject ? 'undefined' : kind === '[object Promise]' ? 'a promise' : describeValue(scope);
  throw new FairleadError('INVALID_OPTION', `${what}: expected ${expected}, given ${given}.`, {
    details: { field: blank ?? 'scope', expected, given },
  });
}

function isBlank(scope: object, name: string): boolean {
  return name in scope && (scope as Record<string, unknown>)[name] === undefined;
}

function unknownGrant(principal: Principal | undefined): FairleadError {
  const message = 'What these credentials allow could not be found out.';
  return new FairleadError('FORBIDDEN', message, { details: { principal } });
}
