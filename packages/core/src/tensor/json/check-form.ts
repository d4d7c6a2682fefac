import { FairleadError } from '../../errors';

/** More than any message nests. */
const maxDepth = 1000;
/** Different names that the fields of a message may have, those of all its objects together: more than any table has columns. */
const maxNames = 65_536;
/** Arrays and objects in a message that hold nothing, which tensors never are. */
const maxEmpty = 65_536;
/** So many are not worth a look at which they are. */
const fewNames = 16_384;
/** Of a shorter text, whatever it is, the parser makes short work. */
const shortText = 2 ** 19;

/**
 * Refuses what JSON.parse takes many times as long for as for another text of that length, and holds the event loop up meanwhile: what is nested
 * about as deep as it is long, fields by the hundred thousand, each of another name, and as many objects and arrays that hold nothing.
 *
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`
 */
export function checkForm(text: string): void {
  if (text.length < shortText || isPlain(text)) return;
  let depth = 0;
  let names = 0;
  let empty = 0;
  let seen: NameCount | undefined;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      const end = endOfString(text, at + 1);
      if (isName(text, end) && ++names > fewNames) {
        seen ??= createNameCount();
        if (seen.add(text, at + 1, end - 1) > maxNames - fewNames) throw tooManyNames();
      }
      at = end - 1;
    } else if (code === 0x5d || code === 0x7d) depth--;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxDepth) throw tooDeep();
      // The brackets of a pair have codes that differ by two.
      if (text.charCodeAt(afterSpace(text, at + 1)) === code + 2 && ++empty > maxEmpty) throw tooManyEmpty();
    }
  }
}

/** Whether there is too little in it to be looked at one by one: found out twenty times as fast, as for long arrays of numbers. */
function isPlain(text: string): boolean {
  const brackets = countUpTo(maxDepth + 1, text, '[') + countUpTo(maxDepth + 1, text, '{');
  return brackets <= maxDepth && countUpTo(fewNames + 1, text, ':') <= fewNames;
}

function countUpTo(most: number, text: string, letter: string): number {
  let count = 0;
  for (let at = text.indexOf(letter); at !== -1 && count < most; at = text.indexOf(letter, at + 1)) count++;
  return count;
}

/** Index after the closing quote of a string whose first character is at `from`. */
export function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}

/** Whether a string that ends there is the name of a field. */
function isName(text: string, end: number): boolean {
  return text.charCodeAt(afterSpace(text, end)) === 0x3a;
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** About how many different names there were. */
interface NameCount {
  /** @returns how many with this one, of which a few may have passed for others */
  add(text: string, from: number, to: number): number;
}

const hashBits = 21;
let drawnSeed: number | undefined;

/** By a hash that no client can know, so that none can make up names that pass for one. */
function createNameCount(): NameCount {
  drawnSeed ??= Math.floor(Math.random() * 2 ** 32);
  const seed = drawnSeed;
  const seen = new Uint32Array(2 ** hashBits / 32);
  let count = 0;
  return {
    add(text, from, to) {
      // FNV-1a, and the end of MurmurHash3, by which every bit counts.
      let hash = seed;
      for (let at = from; at < to; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      const place = (hash ^ (hash >>> 13)) >>> (32 - hashBits);
      const word = seen[place >>> 5] as number;
      const bit = 1 << (place & 31);
      if ((word & bit) === 0) {
        seen[place >>> 5] = word | bit;
        count++;
      }
      return count;
    },
  };
}

function tooDeep(): FairleadError {
  const expected = `arrays and objects at most ${maxDepth} deep`;
  return new FairleadError('INVALID_INPUT', `Request the body: expected ${expected}, given deeper ones.`, {
    details: { field: 'the body', expected, given: 'deeper ones' },
  });
}

function tooManyEmpty(): FairleadError {
  const expected = `at most ${maxEmpty} arrays and objects that are empty`;
  return new FairleadError('LIMIT_EXCEEDED', `Request the body: expected ${expected}, given more. Leave them out.`, {
    details: { field: 'the body', expected, given: 'more' },
  });
}

function tooManyNames(): FairleadError {
  const expected = `fields of at most ${maxNames} different names`;
  const message = `Request the body: expected ${expected}, given more. Send values as arrays, which need no names.`;
  return new FairleadError('LIMIT_EXCEEDED', message, {
    details: { field: 'the body', expected, given: 'more' },
  });
}
