import type { FairleadError } from '@fairlead/core';
import type { Arrival, Guard, Principal } from '@fairlead/core/serving';

/** A call as a service would begin it. */
export function arrivalOf(call: Partial<Arrival> = {}, headers: Readonly<Record<string, string>> = {}): Arrival {
  return {
    protocol: 'open-inference',
    operation: 'infer',
    model: 'digits',
    version: undefined,
    header: (name) => headers[name],
    peer: undefined,
    signal: undefined,
    ...call,
  };
}

export const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

/** Whom a guard takes the caller for, or the code with which it refuses. */
export async function admitted(
  guard: Guard,
  headers: Readonly<Record<string, string>> = {},
  call: Partial<Arrival> = {},
): Promise<string> {
  try {
    const principal: Principal | undefined = await guard.admit(arrivalOf(call, headers));
    return principal === undefined ? 'anybody' : `${principal.scheme} ${principal.id}`;
  } catch (error) {
    return (error as FairleadError).code;
  }
}

/** The error with which a guard refuses. */
export async function refusal(
  guard: Guard,
  headers: Readonly<Record<string, string>> = {},
  call: Partial<Arrival> = {},
): Promise<FairleadError> {
  try {
    await guard.admit(arrivalOf(call, headers));
  } catch (error) {
    return error as FairleadError;
  }
  throw new Error('The guard let the caller in.');
}
