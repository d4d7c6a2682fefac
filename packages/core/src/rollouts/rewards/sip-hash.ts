/** 128 bits, as 32 hexadecimal digits: the bytes of the key in their order. */
export type SipKey = string;

/** Signs short messages at once. */
export type SipHash = (bytes: Uint8Array, length?: number) => string;

/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): who has not the key can neither foretell a hash nor
 * make one. Web Crypto has nothing that answers at once, and a signature of every request must cost less than a microsecond or two.
 * JavaScript has no fast integers of 64 bits, so each of the four is a pair, low half first.
 */

/**
 * Makes the hash of a key.
 * @param key 32 hexadecimal digits
 * @returns 16 hexadecimal digits for the first `length` bytes
 */
export function createSipHash(key: SipKey): SipHash {
  const part = (index: number): number => {
    let word = 0;
    // The least significant byte comes first.
    for (let byte = 3; byte >= 0; byte--) {
      const at = (index * 4 + byte) * 2;
      word = (word << 8) | Number.parseInt(key.slice(at, at + 2), 16);
    }
    return word;
  };
  const [k0, k1, k2, k3] = [part(0), part(1), part(2), part(3)];
  const start = [
    k0 ^ 0x70736575,
    k1 ^ 0x736f6d65,
    k2 ^ 0x6e646f6d,
    k3 ^ 0x646f7261,
    k0 ^ 0x6e657261,
    k1 ^ 0x6c796765,
    k2 ^ 0x79746573,
    k3 ^ 0x74656462,
  ];
  const v = new Uint32Array(8);

  return (bytes, length = bytes.length) => {
    v.set(start);
    const byteAt = (index: number): number => (index < length ? (bytes[index] as number) : 0);
    const wordAt = (index: number): number =>
      byteAt(index) | (byteAt(index + 1) << 8) | (byteAt(index + 2) << 16) | (byteAt(index + 3) << 24);
    for (let at = 0; at <= length; at += 8) {
      const low = wordAt(at);
      // The last word ends with the length.
      const high = at + 8 > length ? wordAt(at + 4) | (length << 24) : wordAt(at + 4);
      v[6] = (v[6] as number) ^ low;
      v[7] = (v[7] as number) ^ high;
      round(v);
      round(v);
      v[0] = (v[0] as number) ^ low;
      v[1] = (v[1] as number) ^ high;
    }
    v[4] = (v[4] as number) ^ 0xff;
    for (let times = 0; times < 4; times++) round(v);
    const half = (first: 0 | 1): string => {
      const [a, b, c, d] = [v[first], v[first + 2], v[first + 4], v[first + 6]] as [number, number, number, number];
      return ((a ^ b ^ c ^ d) >>> 0).toString(16).padStart(8, '0');
    };
    return half(1) + half(0);
  };
}

function round(v: Uint32Array): void {
  add(v, 0, 2);
  rotate(v, 2, 13);
  mix(v, 2, 0);
  swap(v, 0);
  add(v, 4, 6);
  rotate(v, 6, 16);
  mix(v, 6, 4);
  add(v, 0, 6);
  rotate(v, 6, 21);
  mix(v, 6, 0);
  add(v, 4, 2);
  rotate(v, 2, 17);
  mix(v, 2, 4);
  swap(v, 4);
}

function add(v: Uint32Array, to: number, from: number): void {
  const low = (v[to] as number) + (v[from] as number);
  v[to] = low;
  v[to + 1] = (v[to + 1] as number) + (v[from + 1] as number) + (low > 0xffffffff ? 1 : 0);
}

/** To the left, by less than 32. */
function rotate(v: Uint32Array, at: number, by: number): void {
  const low = v[at] as number;
  const high = v[at + 1] as number;
  v[at] = (low << by) | (high >>> (32 - by));
  v[at + 1] = (high << by) | (low >>> (32 - by));
}

function mix(v: Uint32Array, to: number, from: number): void {
  v[to] = (v[to] as number) ^ (v[from] as number);
  v[to + 1] = (v[to + 1] as number) ^ (v[from + 1] as number);
}

/** A rotation by 32. */
function swap(v: Uint32Array, at: number): void {
  const low = v[at] as number;
  v[at] = v[at + 1] as number;
  v[at + 1] = low;
}
