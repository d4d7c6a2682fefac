import { FairleadError } from '@fairlead/core';

/**
 * Reads an answer by a decoder that knows no sides: what it calls an input is, seen from here, the server's answer.
 * @throws FairleadError `PROTOCOL_ERROR` in place of any that `read` throws
 */
export function notAsPromised<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!FairleadError.isInstance(error)) throw error;
    const message = `${what} answered something that does not fit the model's signature. ${error.message}`;
    throw new FairleadError('PROTOCOL_ERROR', message, { cause: error, details: error.details });
  }
}
