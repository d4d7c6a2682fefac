/** What the choice needs of an endpoint. */
export interface Candidate {
  /** What one more request would wait there: 0 or more; only its order counts. */
  cost(now: number): number;
}

/**
 * Chooses one of the candidates by the power of two choices: two at random, and of them the one of lower cost. That keeps
 * the longest queue near log log n (Mitzenmacher 2001), and, unlike the best of all, does not send everyone to the same
 * endpoint while its cost is not known yet.
 *
 * @param random numbers of [0, 1)
 */
export function chooseOfTwo<C extends Candidate>(
  candidates: readonly C[],
  now: number,
  random: () => number,
): C | undefined {
  if (candidates.length < 2) return candidates[0];
  const first = Math.floor(random() * candidates.length);
  const step = 1 + Math.floor(random() * (candidates.length - 1));
  const a = candidates[first] as C;
  const b = candidates[(first + step) % candidates.length] as C;
  return b.cost(now) < a.cost(now) ? b : a;
}
