/**
 * Fills an array with independent standard normal numbers that follow from a seed: xoshiro128** (Blackman and Vigna),
 * seeded by a multiplicative hash, and the transform of Box and Muller.
 */
export function fillNormals(target: Float32Array, seed: number): Float32Array {
  let a = hash(seed);
  let b = hash(a + 1);
  let c = hash(b + 2);
  let d = hash(c + 3);
  const uniform = (): number => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    // Never 0, whose logarithm is infinite.
    return (result + 0.5) / 4294967296;
  };
  for (let index = 0; index < target.length; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    const angle = 2 * Math.PI * uniform();
    target[index] = radius * Math.cos(angle);
    if (index + 1 < target.length) target[index + 1] = radius * Math.sin(angle);
  }
  return target;
}

function hash(value: number): number {
  let mixed = (value + 0x9e3779b9) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
