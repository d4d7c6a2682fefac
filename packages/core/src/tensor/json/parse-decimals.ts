/*
 * The quick way to read float32s: numbers without an exponent, as clients write nearly all of them. Digits are read four at a time
 * by the arithmetic of whole numbers, and those past the twelfth of a fraction only skipped: which float32 is meant, they hardly
 * ever decide.
 */

/** Where the reading of an array stands. */
export interface Cursor {
  /** Index of the byte behind the last number; at first, of the first byte. */
  at: number;
  /** Numbers that were read. */
  count: number;
}

/** Whole parts up to here are read; larger ones are rare among floats. */
const mostWhole = 1_000_000;
/** What moves digits behind the point: off by a unit in the last place, which the slack covers. */
const inversePowers = Float64Array.from({ length: 40 }, (_, exponent) => Number(`1e-${exponent}`));
const shortPowers = Float64Array.of(1, 10, 100, 1000);
/** More than four roundings come to, and digits that were skipped behind twelve others, relative to the value. */
const slack = 2e-11;
/** Most bytes behind the zeros of a fraction that are looked at four at once. */
const longestLook = 24;

const [comma, minus, point, zero] = [0x2c, 0x2d, 0x2e, 0x30];

/**
 * Reads numbers from where the cursor stands until all are read, or one comes that is not so plain, or is no number: it then stays
 * behind the one before, and who knows more goes on from there. A closing bracket must follow the text; it ends every loop.
 *
 * A float32 becomes what rounding the double of its digits would make it: a number of which what was looked at leaves that open is
 * no plain one.
 *
 * @param view of the same bytes
 */
export function parseDecimals(bytes: Uint8Array, view: DataView, cursor: Cursor, data: Float32Array): void {
  const { length } = data;
  const lastLook = bytes.byteLength - longestLook;
  let { at: end, count } = cursor;
  for (; count < length; count++) {
    let at = end;
    let byte = bytes[at] as number;
    while (byte <= 0x20 && isSpace(byte)) byte = bytes[++at] as number;
    if (count > 0) {
      if (byte !== comma) break;
      byte = bytes[++at] as number;
      while (byte <= 0x20 && isSpace(byte)) byte = bytes[++at] as number;
    }
    const isNegative = byte === minus;
    if (isNegative) byte = bytes[++at] as number;

    let mantissa = byte - zero;
    if (mantissa >>> 0 > 9) break;
    let digit = (bytes[++at] as number) - zero;
    if (digit >>> 0 <= 9) {
      // A number that begins with a zero does not go on.
      if (mantissa === 0) break;
      do {
        mantissa = mantissa * 10 + digit;
        digit = (bytes[++at] as number) - zero;
      } while (digit >>> 0 <= 9 && mantissa < mostWhole);
    }
    if (digit === point - zero) {
      const first = ++at;
      if (mantissa === 0) while (bytes[at] === zero) at++;
      if (at > lastLook) break;
      let collected: number;
      let four = view.getInt32(at, true) ^ fourZeros;
      let others = othersThanDigits(four);
      if (others === 0) {
        mantissa = mantissa * 10_000 + wholeOf(four);
        at += 4;
        four = view.getInt32(at, true) ^ fourZeros;
        others = othersThanDigits(four);
        if (others === 0) {
          mantissa = mantissa * 10_000 + wholeOf(four);
          at += 4;
          four = view.getInt32(at, true) ^ fourZeros;
          others = othersThanDigits(four);
        }
      }
      if (others === 0) {
        mantissa = mantissa * 10_000 + wholeOf(four);
        at += 4;
        collected = at;
        others = othersThanDigits(view.getInt32(at, true) ^ fourZeros);
        if (others === 0) {
          at += 4;
          others = othersThanDigits(view.getInt32(at, true) ^ fourZeros);
        }
        at += others === 0 ? 4 : digitsBefore(others);
        while (((bytes[at] as number) - zero) >>> 0 <= 9) at++;
      } else {
        const digits = digitsBefore(others);
        mantissa = mantissa * (shortPowers[digits] as number) + wholeOf((four << 8) << (24 - 8 * digits));
        at += digits;
        collected = at;
      }
      // A number does not end with its point, and has not so many zeros behind it.
      if (at === first || collected - first >= inversePowers.length) break;
      mantissa *= inversePowers[collected - first] as number;
      digit = (bytes[at] as number) - zero;
    }
    // An exponent, more digits, or another point, which is for others to judge.
    if (digit >>> 0 <= 9 || digit === point - zero || ((digit + zero) | 0x20) === 0x65) break;
    const value = Math.fround(mantissa * (1 - slack));
    if (value !== Math.fround(mantissa * (1 + slack))) break;
    data[count] = isNegative ? -value : value;
    end = at;
  }
  cursor.at = end;
  cursor.count = count;
}

/** Four digits in one word, the first one lowest, less what makes them characters. */
const fourZeros = 0x30303030;

/** The highest bit of each byte that is no digit; above the first one, perhaps of others. 0 where all are. */
function othersThanDigits(four: number): number {
  return ((four + 0x76767676) | four) & 0x80808080;
}

/** The number that four digits are. */
function wholeOf(four: number): number {
  const pairs = (Math.imul(four, 10) + (four >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}

/** How many bytes lie before the first that is no digit. */
function digitsBefore(others: number): number {
  return (31 - Math.clz32(others & -others)) >> 3;
}

/** Whether a byte is space in JSON. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
