/** Uniform numbers in [0, 1) that follow from a seed (mulberry32); for sampling, not for secrets. A draw allocates nothing. */
export function createRandom(seed: number): () => number {
  // In an array, since a variable that a closure shares would be a new heap number at every draw.
  const state = Int32Array.of(seed >>> 0);
  return () => {
    const next = ((state[0] as number) + 0x6d2b79f5) | 0;
    state[0] = next;
    let mixed = Math.imul(next ^ (next >>> 15), next | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
