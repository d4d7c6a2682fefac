import { FairleadError, type Logger, messageOf, parseOptions } from '@fairlead/core';
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
    return answer();
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
    return parseOptions(scopeSchema, scope ?? null, what) as Scope;
  } catch (error) {
    logger.error({ error }, `${what} gave no scope, so the caller was refused: ${messageOf(error)}`);
    throw unknownGrant(principal);
  }
}

function unknownGrant(principal: Principal | undefined): FairleadError {
  const message = 'What these credentials allow could not be found out.';
  return new FairleadError('FORBIDDEN', message, { details: { principal } });
}
