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
let first = 0;
let second = 0;

function begin(tag: number): void {
  first = 0x51ed270b ^ tag;
  second = 0x2127599b ^ Math.imul(tag, 0x9e3779b1);
}

function take(word: number): void {
  first = Math.imul(first ^ word, 0x9e3779b1);
  first ^= first >>> 15;
  second = Math.imul(second ^ word, 0x85ebca77);
  second ^= second >>> 13;
}

function finish(): Int32Array {
  first = mix(first ^ Math.imul(second, 0xc2b2ae3d));
  second = mix(second ^ Math.imul(first, 0x27d4eb2f));
  hashed[0] = mix(first ^ second);
  hashed[1] = second;
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
  if (typeof category === 'number') return hashNumber(category);
  if (typeof category === 'string') return hashText(category);
  begin(category < 0n ? 3 : 2);
  take(Number(BigInt.asIntN(32, category >> 32n)));
  take(Number(BigInt.asIntN(32, category)));
  return finish();
}

/** The hash of a number; that of {@link hashCategory}. */
export function hashNumber(value: number): Int32Array {
  begin(1);
  if (Number.isNaN(value)) {
    take(nanHigh);
    take(0);
  } else {
    // Adding 0 makes −0 to 0.
    take(highBits(value + 0));
    take(lowBits(value + 0));
  }
  return finish();
}

function hashText(text: string): Int32Array {
  const { length } = text;
  begin(4);
  take(length);
  let at = 0;
  for (; at + 1 < length; at += 2) take(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
  if (at < length) take(text.charCodeAt(at));
  return finish();
}
