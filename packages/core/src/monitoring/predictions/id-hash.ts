/** A well-mixed number of 32 bits that follows from a text and a seed (FNV-1a over UTF-16 units, mixed at the end). */
export function hash32(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ Math.imul(seed | 0, 0x9e3779b1)) >>> 0;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Stands for a key that was erased, so that the key itself need not be kept: 96 bits in hex. */
export function hashKey(key: string): string {
  return [1, 2, 3].map((seed) => hash32(key, seed).toString(16).padStart(8, '0')).join('');
}
