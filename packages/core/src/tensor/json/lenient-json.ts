import { FairleadError } from '../../errors';

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
 * @throws FairleadError `PROTOCOL_ERROR` when the text is no JSON, `INVALID_INPUT` when it is nested too deep, and whatever `decode`
 * throws
 */
export function readJson<T>(text: string, decode: (message: unknown) => T): T {
  checkDepth(text);
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

/** More than any message nests. */
const maxDepth = 1000;
/** Of a shorter text, whatever it is, the parser makes short work. */
const shortText = 2 ** 20;

/**
 * Refuses what is nested about as deep as it is long: JSON.parse takes twenty times as long for it as for another text, and holds
 * the event loop up.
 *
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkDepth(text: string): void {
  if (text.length < shortText) return;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at + 1) - 1;
    else if (code === 0x5d || code === 0x7d) depth--;
    else if ((code === 0x5b || code === 0x7b) && ++depth > maxDepth) {
      const expected = `arrays and objects at most ${maxDepth} deep`;
      throw new FairleadError('INVALID_INPUT', `Request the body: expected ${expected}, given deeper ones.`, {
        details: { field: 'the body', expected, given: 'deeper ones' },
      });
    }
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

/** Index after the closing quote of a string whose first character is at `from`. */
function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}
