/*
 * The bits of a double. The high word of a double without its sign orders magnitudes as they are ordered, and is nearly
 * the logarithm: eleven bits of exponent, then the first twenty of the fraction.
 */

const double = new Float64Array(1);
const words = new Int32Array(double.buffer);
const highWord = new Uint8Array(Int32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** The high word of infinity; that of a finite magnitude is less, that of NaN at least this. */
export const infinityBits = 0x7ff00000;
/** Bits of the fraction in the high word. */
export const fractionBits = 20;
/** The least normal double, 2⁻¹⁰²². */
export const leastNormal = 2 ** -1022;

/** The high word, as a signed number: negative for a negative double and −0. */
export function highBits(value: number): number {
  double[0] = value;
  return words[highWord] as number;
}

/** The low word, as a signed number. */
export function lowBits(value: number): number {
  double[0] = value;
  return words[1 - highWord] as number;
}

/** The double with this high word and a low word of 0. */
export function fromHighBits(high: number): number {
  words[1 - highWord] = 0;
  words[highWord] = high;
  return double[0] as number;
}

/** 2 to a whole exponent, exact; 0 or infinity beyond what doubles hold. */
export function powerOfTwo(exponent: number): number {
  if (exponent > 1023) return Number.POSITIVE_INFINITY;
  if (exponent >= -1022) return fromHighBits((exponent + 1023) << fractionBits);
  return exponent < -1074
    ? 0
    : fromHighBits((exponent + 1023 + 200) << fractionBits) * fromHighBits(823 << fractionBits);
}

/** The exponent of the lowest bit that is set in a finite number other than 0: the greatest power of two that divides it. */
export function lowestBitExponent(value: number): number {
  const high = highBits(value) & 0x7fffffff;
  const low = lowBits(value);
  const exponent = high >>> fractionBits;
  const fraction = (high & 0xfffff) | (exponent === 0 ? 0 : 0x100000);
  const zeros = low === 0 ? 32 + trailingZeros(fraction) : trailingZeros(low);
  return Math.max(exponent, 1) - 1075 + zeros;
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
