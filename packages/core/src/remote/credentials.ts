import { describeValue } from '../config';
import { FairleadError } from '../errors';

/** Headers of every request: fixed, or asked for anew each time, for a token that expires. */
export type RemoteHeaders =
  | Readonly<Record<string, string>>
  | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);

/** Values shorter than this stand in too many words to be a secret. */
const shortestSecret = 6;

/**
 * Checks headers without ever telling a value: what the platform throws for a wrong one quotes it.
 * @throws FairleadError `INVALID_OPTION` that names the header
 */
export function checkHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw invalid('headers', 'an object of strings, or a function that answers one', typeof headers);
  }
  for (const [name, value] of Object.entries(headers)) {
    const field = `headers.${name}`;
    if (typeof value !== 'string') throw invalid(field, 'a string', typeof value);
    try {
      new Headers([[name, value]]);
    } catch {
      throw invalid(field, 'a header that HTTP allows', 'one with a forbidden character in its name or value');
    }
  }
  return headers as Readonly<Record<string, string>>;
}

/**
 * Asks for the headers of a request.
 * @throws FairleadError `REMOTE_FAILED` when the user's function fails; `INVALID_OPTION` for what it answers
 */
export async function headersOf(headers: RemoteHeaders): Promise<Readonly<Record<string, string>>> {
  if (typeof headers !== 'function') return headers;
  let answered: unknown;
  try {
    answered = await headers();
  } catch (cause) {
    const message = 'The option "headers" of remote() is a function, and it failed. Nothing was sent.';
    throw new FairleadError('REMOTE_FAILED', message, { cause, details: { field: 'headers' } });
  }
  return checkHeaders(answered);
}

/** Takes the values of headers out of a text that a server or a runtime made, whole and without their scheme. */
export function withoutCredentials(text: string, headers: Readonly<Record<string, string>>): string {
  let clean = text;
  for (const value of Object.values(headers)) {
    for (const secret of [value, ...value.split(/[\s,;=]+/)]) {
      if (secret.length < shortestSecret) continue;
      // As it is, as JSON writes it, and as an address does.
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
        clean = clean.replaceAll(form, '***');
      }
    }
  }
  return clean;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `remote: option "${field}" is wrong: expected ${expected}, given ${describeValue(given)}.`,
    { details: { field, expected, given } },
  );
}
