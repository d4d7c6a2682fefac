/*
 * Reads the numbers of a JSON array out of its bytes straight into a typed array. JSON.parse makes a heap number of each
 * and an array of them first, which costs a server of models more than all the rest of a request: for 784 floats about 100 µs,
 * against 15 to 20 here. What is not plainly a number that the array can hold is left to JSON.parse, with its rules and messages.
 */

import { type Cursor, isSpace, parseDecimals } from './parse-decimals';

/** Where numbers go that doubles hold exactly. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/** Powers of ten that a double holds exactly: one rounding is all that dividing by one costs. */
const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const mostExactPower = 22;
/** So many digits a double holds whatever they are. */
const exactDigits = 15;
/** Digits that are collected in each of two whole numbers, so that both stay small integers. What follows is less than a double shows. */
const halfDigits = 9;
/**
 * More than three roundings and the digits that were left out can come to, relative to the value: at least 15 digits are collected
 * before one is left out.
 */
const slack = 2e-14;

const [closing, comma, minus, plus, point, zero, upperE, lowerE] = [0x5d, 0x2c, 0x2d, 0x2b, 0x2e, 0x30, 0x45, 0x65];

/**
 * Parses `bytes[from, to)`, the inside of a JSON array, into all of `data`. Its closing bracket, at `to`, is what ends every loop.
 *
 * A float32 becomes what rounding the double of its digits would make it. For most numbers that is plain from a double that is a
 * few units off in its last place, and only the few for which it is not are parsed in full.
 *
 * @returns false when it is not exactly `data.length` numbers in JSON's grammar, or one is out of range or not whole for integers;
 * `data` then holds nothing of use
 */
export function parseNumbers(bytes: Uint8Array, from: number, to: number, data: NumberArray): boolean {
  if (bytes[to] !== closing) return false;
  const isFloat32 = data instanceof Float32Array;
  const isWhole = !isFloat32 && !(data instanceof Float64Array);
  const { length } = data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lastQuad = to - 4;
  const plain: Cursor | undefined = isFloat32 ? { at: from, count: 0 } : undefined;
  let at = from;
  for (let index = 0; index < length; index++) {
    if (plain !== undefined) {
      plain.at = at;
      plain.count = index;
      parseDecimals(bytes, view, plain, data as Float32Array);
      at = plain.at;
      index = plain.count;
      if (index === length) break;
    }
    let byte = bytes[at] as number;
    while (byte <= 0x20 && isSpace(byte)) byte = bytes[++at] as number;
    if (index > 0) {
      if (byte !== comma) return false;
      byte = bytes[++at] as number;
      while (byte <= 0x20 && isSpace(byte)) byte = bytes[++at] as number;
    }
    const start = at;
    const isNegative = byte === minus;
    if (isNegative) byte = bytes[++at] as number;

    // The digits that count: the first ones in high, those after in low, the rest are left out.
    let high = 0;
    let highDigits = 0;
    let low = 0;
    let lowDigits = 0;
    let leftOut = 0;
    let digit = byte - zero;
    if (digit >>> 0 > 9) return false;
    if (digit === 0) {
      digit = (bytes[++at] as number) - zero;
      if (digit >>> 0 <= 9) return false;
    } else {
      do {
        if (highDigits < halfDigits) {
          high = high * 10 + digit;
          highDigits++;
        } else if (lowDigits < halfDigits) {
          low = low * 10 + digit;
          lowDigits++;
        } else leftOut++;
        digit = (bytes[++at] as number) - zero;
      } while (digit >>> 0 <= 9);
    }
    // Exponent of ten of the last digit that is collected.
    let exponent = leftOut;
    if (digit === point - zero) {
      if (isWhole) return false;
      const first = ++at;
      if (highDigits === 0) while (bytes[at] === zero) at++;
      // Four digits at once, while all four are.
      while (at <= lastQuad && lowDigits <= halfDigits - 4) {
        const four = view.getInt32(at, true) ^ 0x30303030;
        if ((((four + 0x76767676) | four) & 0x80808080) !== 0) break;
        const pairs = (Math.imul(four, 10) + (four >>> 8)) & 0x00ff00ff;
        const number = (pairs & 0xff) * 100 + (pairs >>> 16);
        if (highDigits <= halfDigits - 4) {
          high = high * 10_000 + number;
          highDigits += 4;
        } else {
          low = low * 10_000 + number;
          lowDigits += 4;
        }
        at += 4;
      }
      const collected = at;
      digit = (bytes[at] as number) - zero;
      let extra = 0;
      while (digit >>> 0 <= 9) {
        if (lowDigits === 0 && highDigits < halfDigits) {
          high = high * 10 + digit;
          highDigits++;
          extra++;
        } else if (lowDigits < halfDigits) {
          low = low * 10 + digit;
          lowDigits++;
          extra++;
        } else leftOut++;
        digit = (bytes[++at] as number) - zero;
      }
      if (at === first) return false;
      exponent -= collected - first + extra;
    }
    if (digit === lowerE - zero || digit === upperE - zero) {
      if (isWhole) return false;
      byte = bytes[++at] as number;
      const isSmall = byte === minus;
      if (isSmall || byte === plus) byte = bytes[++at] as number;
      digit = byte - zero;
      if (digit >>> 0 > 9) return false;
      let power = 0;
      do {
        if (power < 10_000) power = power * 10 + digit;
        digit = (bytes[++at] as number) - zero;
      } while (digit >>> 0 <= 9);
      exponent += isSmall ? -power : power;
    }

    let value = lowDigits === 0 ? high : high * (powers[lowDigits] as number) + low;
    if (exponent < 0) value = exponent < -mostExactPower ? Number.NaN : value / (powers[-exponent] as number);
    else if (exponent > 0) value = exponent > mostExactPower ? Number.NaN : value * (powers[exponent] as number);
    if (leftOut > 0 || highDigits + lowDigits > exactDigits || Number.isNaN(value)) {
      // Off by a few units in the last place, or past the powers above.
      const isPlain = isFloat32 && Math.fround(value * (1 - slack)) === Math.fround(value * (1 + slack));
      if (!isPlain) {
        if (isWhole) return false;
        value = Math.abs(Number(textOf(bytes, start, at)));
      }
    }
    if (isNegative) value = -value;
    data[index] = value;
    // Out of range: an integer would wrap, a float become infinite.
    if (isWhole ? data[index] !== value : !Number.isFinite(data[index])) return false;
  }
  while (at < to && isSpace(bytes[at] as number)) at++;
  return at === to;
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
