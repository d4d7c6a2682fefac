import { FairleadError } from '../errors';

/**
 * Reads an answer by a decoder that knows no sides: what it calls an input is, seen from here, the server's answer.
 *
 * @param what how messages name the server
 * @throws FairleadError `PROTOCOL_ERROR` in place of any that `read` throws
 */
export function readAsAnswer<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!FairleadError.isInstance(error)) throw error;
    if (isNoJson(error)) throw noJson(what, error);
    const message = `${what} answered something that does not fit the model's signature. ${error.message}`;
    throw new FairleadError('PROTOCOL_ERROR', message, { cause: error, details: error.details });
  }
}

/**
 * Reads what a server says of itself. That it is no JSON is told of the server, and not of a body that somebody sent.
 *
 * @throws FairleadError `PROTOCOL_ERROR`, and what `read` throws
 */
export function readDescription<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw isNoJson(error) ? noJson(what, error) : error;
  }
}

function isNoJson(error: unknown): boolean {
  return FairleadError.isInstance(error, 'PROTOCOL_ERROR') && error.cause instanceof SyntaxError;
}

function noJson(what: string, cause: unknown): FairleadError {
  return new FairleadError(
    'PROTOCOL_ERROR',
    `${what} answered something that is no JSON. Is it a server of this protocol, at this address?`,
    { cause },
  );
}
