import { FairleadError } from '../../errors';
import { checkForm, endOfString } from './check-form';

/*
 * JSON as the field's servers and clients really write it. JSON.parse reads all of it but two things: integers past
 * 2^53, which it rounds, and the bare tokens NaN, Infinity and -Infinity, which Python's json module and Triton write.
 * Both are rare, so the common path is JSON.parse alone; only when one of them shows up is the text read again with
 * those tokens put into quotes. The decoder of tensor data takes both as strings.
 */

/** Thrown by a decoder that meets an integer which JSON.parse has rounded. */
export const roundedInteger: unique symbol = Symbol('roundedInteger');

/**
 * Parses a message and decodes it, a second time without loss where the first time would have rounded.
 *
 * @param decode throws {@link roundedInteger} when it needs the digits of an integer past 2^53
 * @throws FairleadError `PROTOCOL_ERROR` when the text is no JSON, `INVALID_INPUT` when it is nested too deep, `LIMIT_EXCEEDED` when it has too
 * many different names, and whatever `decode` throws
 */
export function readJson<T>(text: string, decode: (message: unknown) => T): T {
  checkForm(text);
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw notJson(error);
    return decode(parseQuoted(text));
  }
  try {
    return decode(message);
  } catch (error) {
    if (error !== roundedInteger) throw error;
  }
  try {
    return decode(parseQuoted(text));
  } catch (error) {
    if (error !== roundedInteger) throw error;
    throw new FairleadError(
      'INVALID_INPUT',
      'A whole number past 2^53 has a fraction or an exponent. Write its digits.',
    );
  }
}

function parseQuoted(text: string): unknown {
  try {
    return JSON.parse(quoteTokens(text));
  } catch (error) {
    throw notJson(error);
  }
}

function notJson(cause: unknown): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', 'The body is no JSON. Send one JSON object, encoded as UTF-8.', { cause });
}

const token = /"|-?Infinity|NaN|-?\d[\d.eE+-]*/g;
const longInteger = /^-?\d{16,}$/;

/** Puts non-finite tokens and integers of 16 digits and more into quotes; what is inside strings is left alone. */
function quoteTokens(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const found = match[0];
    if (found === '"') {
      token.lastIndex = endOfString(text, token.lastIndex);
      continue;
    }
    const code = found.charCodeAt(found.length - 1);
    const isNumber = code >= 0x30 && code <= 0x39;
    if (isNumber && !longInteger.test(found)) continue;
    parts.push(text.slice(copied, match.index), '"', found, '"');
    copied = token.lastIndex;
  }
  parts.push(text.slice(copied));
  return parts.join('');
}
