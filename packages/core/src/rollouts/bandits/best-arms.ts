/** Shares of 1 / b for each of the b greatest scores, 0 for the rest. */
export function evenAmongBest(scores: readonly number[]): number[] {
  const best = Math.max(...scores);
  const ties = scores.filter((score) => score === best).length;
  return scores.map((score) => (score === best ? 1 / ties : 0));
}
