import { FairleadError } from '@fairlead/core';

/** The error for bytes that are no message. */
export function malformed(what: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `The message is no Protocol Buffers message of its type: ${what}.`, {
    details: { field: 'message', expected: 'a message as its .proto file has it', given: what },
  });
}

/** The error for a message that would hold more than it may; thrown before that is allocated. */
export function tooMany(what: string, limit: number): FairleadError {
  return new FairleadError('LIMIT_EXCEEDED', `The message has more than ${limit} ${what}. Send fewer at once.`, {
    details: { field: what, expected: `at most ${limit}` },
  });
}
