import { checkDepth, readJson } from './lenient-json';
import { NumberText, notPlain } from './number-text';

const [quote, backslash, bracket, closing, minus, nine, zero] = [0x22, 0x5c, 0x5b, 0x5d, 0x2d, 0x39, 0x30];

/** Shorter arrays are no burden to JSON.parse. */
const fewestBytes = 64;
/** More arrays than these cost more to set aside than they save. */
const mostArrays = 4096;

/**
 * Reads a message that carries tensors, like {@link readJson}, with the same outcome for every text. Long arrays of numbers are
 * not parsed with the rest: `decode` meets a {@link NumberText} in their place, which `decodeData` takes. Where anything
 * about the message is not plain, all of it is read again by `readJson`.
 *
 * @param textOf the text of bytes; throws what is to be thrown for bytes that are no UTF-8
 * @throws FairleadError `PROTOCOL_ERROR` when the text is no JSON, and whatever `textOf` and `decode` throw
 */
export function readTensorJson<T>(
  bytes: Uint8Array,
  textOf: (bytes: Uint8Array) => string,
  decode: (message: unknown) => T,
): T {
  const arrays = findArrays(bytes);
  if (arrays.length > 0) {
    try {
      return decodeAround(bytes, arrays, textOf, decode);
    } catch {
      // What was wrong is found, and told, by those who see the whole of it.
    }
  }
  return readJson(textOf(bytes), decode);
}

/** Where the brackets of a long array of numbers are. */
export interface ArrayPlace {
  readonly open: number;
  readonly close: number;
}

/** Finds what looks like long arrays of numbers outside of strings, in order; whether it is shows when it is parsed. */
export function findArrays(bytes: Uint8Array): readonly ArrayPlace[] {
  const places: ArrayPlace[] = [];
  const { length } = bytes;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at];
    if (byte === quote) at = endOfString(bytes, at + 1);
    if (byte !== bracket) continue;
    let inside = at + 1;
    while (inside < length && (bytes[inside] as number) <= 0x20) inside++;
    const first = bytes[inside] as number;
    if (first !== minus && !(first >= zero && first <= nine)) continue;
    const close = bytes.indexOf(closing, inside);
    if (close === -1) break;
    if (close - at >= fewestBytes) places.push({ open: at, close });
    if (places.length > mostArrays) return [];
    at = close;
  }
  return places;
}

/** Index of the closing quote of a string. */
function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) return at;
    if (byte === backslash) at++;
  }
  return bytes.length;
}

function decodeAround<T>(
  bytes: Uint8Array,
  places: readonly ArrayPlace[],
  textOf: (bytes: Uint8Array) => string,
  decode: (message: unknown) => T,
): T {
  const standIn = standInKey();
  const texts: NumberText[] = [];
  let text = '';
  let copied = 0;
  for (const { open, close } of places) {
    text += `${textOf(bytes.subarray(copied, open))}{"${standIn}":${texts.length}}`;
    texts.push(new NumberText(bytes, open + 1, close));
    copied = close + 1;
  }
  // A decoder takes a byte order mark at the beginning of what it is given for none of the text.
  if (places.some(({ close }) => bytes[close + 1] === 0xef)) throw notPlain;
  text += textOf(bytes.subarray(copied));
  checkDepth(text);
  const result = decode(putBack(JSON.parse(text), texts, standIn));
  // What nobody read may be no JSON, and the answer must not depend on that.
  if (!texts.every(({ wasRead }) => wasRead)) throw notPlain;
  return result;
}

let drawnKey: string | undefined;

/**
 * The key of the object that stands for an array. Drawn by chance once a process, so that no client can write it; and at the first
 * request, since workerd has no chance to give while modules load.
 */
function standInKey(): string {
  drawnKey ??= `numbers ${crypto.randomUUID()}`;
  return drawnKey;
}

function putBack(value: unknown, texts: readonly NumberText[], standIn: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = putBack(value[index], texts, standIn);
    return value;
  }
  const record = value as Record<string, unknown>;
  const index = record[standIn];
  if (typeof index === 'number') return texts[index];
  for (const key in record) {
    const inside = record[key];
    if (typeof inside === 'object' && inside !== null) {
      const replaced = putBack(inside, texts, standIn);
      if (replaced !== inside) record[key] = replaced;
    }
  }
  return value;
}
