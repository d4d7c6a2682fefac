import type { Category } from './category';
import { highBits, lowBits } from './float-bits';

/*
 * The hash of categories, version 1. Sketches that are merged must have hashed alike wherever they were made, so it is fixed
 * here in 32-bit steps that every JavaScript engine does alike, and the version stands in the stored form.
 *
 * Two lanes of 32 bits take in a tag and then the words of the category:
 *   number  tag 1, the high and the low word of its double (0 for −0, one pattern for NaN)
 *   bigint  tag 2 (3 where negative), the high and the low word of its 64 bits in two's complement
 *   string  tag 4, its length, its UTF-16 units in pairs, first unit low, the last alone where the length is odd
 * A lane takes in a word by xor, a multiplication modulo 2³² and a shift that brings high bits down; the end mixes each lane
 * into the other, so that all 64 bits depend on all of the input.
 */

/** The version of the hash. */
export const hashVersion = 1;

const nanHigh = 0x7ff80000;
/** The 64 bits of the last hash: high word, low word. */
const hashed = new Int32Array(2);

const firstStart = (tag: number): number => 0x51ed270b ^ tag;
const secondStart = (tag: number): number => 0x2127599b ^ Math.imul(tag, 0x9e3779b1);

function takeFirst(lane: number, word: number): number {
  const mixed = Math.imul(lane ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function takeSecond(lane: number, word: number): number {
  const mixed = Math.imul(lane ^ word, 0x85ebca77);
  return mixed ^ (mixed >>> 13);
}

function finish(first: number, second: number): Int32Array {
  const left = mix(first ^ Math.imul(second, 0xc2b2ae3d));
  const right = mix(second ^ Math.imul(left, 0x27d4eb2f));
  hashed[0] = mix(left ^ right);
  hashed[1] = right;
  return hashed;
}

/** Every bit of the result depends on every bit of the word, one to one. */
function mix(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/**
 * The 64 bits of a canonical category as two words, high then low, in an array that the next hash overwrites. Allocates
 * nothing for strings and numbers.
 */
export function hashCategory(category: Category): Int32Array {
  if (typeof category === 'number') {
    if (Number.isNaN(category)) return hashWords(1, nanHigh, 0);
    // Adding 0 makes −0 to 0.
    return hashWords(1, highBits(category + 0), lowBits(category + 0));
  }
  if (typeof category === 'string') return hashText(category);
  const high = Number(BigInt.asIntN(32, category >> 32n));
  return hashWords(category < 0n ? 3 : 2, high, Number(BigInt.asIntN(32, category)));
}

function hashWords(tag: number, high: number, low: number): Int32Array {
  return finish(takeFirst(takeFirst(firstStart(tag), high), low), takeSecond(takeSecond(secondStart(tag), high), low));
}

function hashText(text: string): Int32Array {
  const { length } = text;
  let first = takeFirst(firstStart(4), length);
  let second = takeSecond(secondStart(4), length);
  for (let at = 0; at < length; at += 2) {
    const word = text.charCodeAt(at) | (at + 1 < length ? text.charCodeAt(at + 1) << 16 : 0);
    first = takeFirst(first, word);
    second = takeSecond(second, word);
  }
  return finish(first, second);
}
