import { FairleadError, type Logger, messageOf, parseOptions } from '@fairlead/core';
import { type Scope, scopeSchema } from './scope';

/**
 * Asks a user's function about credentials. One that fails lets nobody in.
 *
 * @param what the function, as `jwt: "scopesOf"`
 * @throws FairleadError `FORBIDDEN`, or what the function throws where that is a FairleadError
 */
export function askUser<T>(what: string, logger: Logger, answer: () => T): T {
  try {
    return answer();
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    logger.error({ error }, `${what} failed, so the caller was refused: ${messageOf(error)}`);
    throw unknownGrant();
  }
}

/**
 * Checks the scope that a user's function gave.
 * @throws FairleadError `FORBIDDEN` where there is none, or it is no scope
 */
export function checkScope(what: string, logger: Logger, scope: unknown): Scope {
  if (scope === undefined) throw new FairleadError('FORBIDDEN', 'These credentials allow nothing here.');
  try {
    return parseOptions(scopeSchema, scope ?? null, what) as Scope;
  } catch (error) {
    logger.error({ error }, `${what} gave no scope, so the caller was refused: ${messageOf(error)}`);
    throw unknownGrant();
  }
}

function unknownGrant(): FairleadError {
  return new FairleadError('FORBIDDEN', 'What these credentials allow could not be found out.');
}
