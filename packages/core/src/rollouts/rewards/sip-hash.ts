/** 128 bits, as 32 hexadecimal digits: the bytes of the key in their order. */
export type SipKey = string;

/** Signs short messages at once: 16 hexadecimal digits for the first `length` bytes. */
export type SipHash = (bytes: Uint8Array, length?: number) => string;

/**
 * Makes the hash SipHash-2-4 of a key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): who has not the key can neither
 * foretell a hash nor make one. Web Crypto has nothing that answers at once, and a signature of every request must cost little.
 *
 * JavaScript has no fast integers of 64 bits, so each of the four, a to d, is two halves of 32.
 *
 * @param key 32 hexadecimal digits
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

  return (bytes, length = bytes.length) => {
    let [aLow, aHigh, bLow, bHigh] = [k0 ^ 0x70736575, k1 ^ 0x736f6d65, k2 ^ 0x6e646f6d, k3 ^ 0x646f7261];
    let [cLow, cHigh, dLow, dHigh] = [k0 ^ 0x6e657261, k1 ^ 0x6c796765, k2 ^ 0x79746573, k3 ^ 0x74656462];
    // After the last word, which ends with the length, come four rounds without one.
    for (let at = 0; at <= length + 8; at += 8) {
      const isEnd = at > length;
      const low = isEnd ? 0 : wordAt(bytes, at, length);
      const high = isEnd ? 0 : wordAt(bytes, at + 4, length) | (at + 8 > length ? length << 24 : 0);
      dLow ^= low;
      dHigh ^= high;
      if (isEnd) cLow ^= 0xff;
      for (let rounds = isEnd ? 4 : 2; rounds > 0; rounds--) {
        let carried: number;
        aLow = (aLow + bLow) | 0;
        aHigh = (aHigh + bHigh + (aLow >>> 0 < bLow >>> 0 ? 1 : 0)) | 0;
        carried = (bLow << 13) | (bHigh >>> 19);
        bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh;
        bLow = carried ^ aLow;
        carried = aLow;
        aLow = aHigh;
        aHigh = carried;

        cLow = (cLow + dLow) | 0;
        cHigh = (cHigh + dHigh + (cLow >>> 0 < dLow >>> 0 ? 1 : 0)) | 0;
        carried = (dLow << 16) | (dHigh >>> 16);
        dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh;
        dLow = carried ^ cLow;

        aLow = (aLow + dLow) | 0;
        aHigh = (aHigh + dHigh + (aLow >>> 0 < dLow >>> 0 ? 1 : 0)) | 0;
        carried = (dLow << 21) | (dHigh >>> 11);
        dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh;
        dLow = carried ^ aLow;

        cLow = (cLow + bLow) | 0;
        cHigh = (cHigh + bHigh + (cLow >>> 0 < bLow >>> 0 ? 1 : 0)) | 0;
        carried = (bLow << 17) | (bHigh >>> 15);
        bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cHigh;
        bLow = carried ^ cLow;
        carried = cLow;
        cLow = cHigh;
        cHigh = carried;
      }
      if (isEnd) break;
      aLow ^= low;
      aHigh ^= high;
    }
    return digits(aHigh ^ bHigh ^ cHigh ^ dHigh) + digits(aLow ^ bLow ^ cLow ^ dLow);
  };
}

/** Four bytes, the least significant first; 0 beyond the end. */
function wordAt(bytes: Uint8Array, at: number, length: number): number {
  let word = 0;
  for (let byte = Math.min(3, length - 1 - at); byte >= 0; byte--) word = (word << 8) | (bytes[at + byte] as number);
  return word;
}

function digits(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
