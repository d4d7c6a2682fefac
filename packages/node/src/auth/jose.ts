import { FairleadError, messageOf } from '@fairlead/core';
import type * as Jose from 'jose';

/**
 * Imports jose, an optional peer dependency, when it is first used.
 *
 * @param importModule for tests
 * @throws FairleadError `BACKEND_UNAVAILABLE` that says how to install it
 */
export async function loadJose(importModule: () => Promise<unknown> = () => import('jose')): Promise<typeof Jose> {
  try {
    return (await importModule()) as typeof Jose;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    const text = absent
      ? 'jwt() needs the package jose, which is not installed. Run `npm install jose`.'
      : `jose is installed but does not load here: ${messageOf(cause)}`;
    throw new FairleadError('BACKEND_UNAVAILABLE', text, { cause });
  }
}
