/** Buckets that keys are spread over: a weight is met to a hundredth of a percent. */
export const bucketCount = 10_000;

/** Hashes keys of one purpose to 32 bits, the same in every process. */
export type KeyHash = (key: string) => number;

/**
 * Makes a hash of keys for a purpose: FNV-1a over UTF-16 code units, each as two bytes, with the finaliser of MurmurHash3, for
 * FNV alone leaves its high bits uneven. Purposes with other words spread the same keys independently.
 */
export function createKeyHash(...purpose: readonly string[]): KeyHash {
  const seed = absorb(2_166_136_261, purpose.map((word) => `${word.length}:${word}`).join(''));
  return (key) => mix(absorb(seed, key));
}

/** The bucket of a hash, 0 to 9,999. */
export function bucketOf(hash: number): number {
  return Math.floor((hash / 4_294_967_296) * bucketCount);
}

/** Another hash of the same key. */
export function rehash(hash: number): number {
  return mix(hash ^ 0x9e3779b9);
}

function absorb(state: number, text: string): number {
  let hash = state;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 16_777_619);
    hash = Math.imul(hash ^ (unit >>> 8), 16_777_619);
  }
  return hash;
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
