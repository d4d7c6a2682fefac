import type { Guardrail, SequentialTest, Tally } from '../contracts';

/** Shares of the capital that are bet on each pair; the capital is the mean over them. */
const stakes = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95];

/**
 * Tests by betting whether a challenger is worse than its control by more than the margin, and whether it is not (Waudby-Smith
 * and Ramdas, "Estimating means of bounded random variables by betting", 2024).
 *
 * With x and y the values of the k-th blocks, scaled to lengths of 1, and d = x - y - margin, the capital of a stake s is the
 * product of 1 + s d / (1 + margin). Where the challenger is not worse, it is expected never to grow, whatever the requests of
 * a block share and whatever drifts in both arms at once: by Ville's inequality it reaches 1 / alpha with a probability of at
 * most alpha. The mean over stakes, taken after the logarithms of all replicas were added, has the same property.
 */
export function createSequentialTest(guardrail: Guardrail, alpha: number): SequentialTest {
  const [least, greatest] = guardrail.bounds;
  const length = greatest - least;
  const margin = guardrail.margin / length;
  const scale = (value: number): number => (Math.min(greatest, Math.max(least, value)) - least) / length;
  const sign = guardrail.harmfulWhen === 'higher' ? 1 : -1;
  const zeros = stakes.map(() => 0);

  return {
    start: (): Tally => ({ blocks: 0, sum: 0, squares: 0, harm: zeros, fair: zeros }),
    observe(tally, challenger, control) {
      const difference = sign * (scale(challenger) - scale(control));
      const excess = (difference - margin) / (1 + margin);
      const harm = tally.harm as readonly number[];
      const fair = tally.fair as readonly number[];
      return {
        blocks: Number(tally.blocks) + 1,
        sum: Number(tally.sum) + difference,
        squares: Number(tally.squares) + difference * difference,
        harm: harm.map((capital, index) => capital + Math.log1p((stakes[index] as number) * excess)),
        fair: fair.map((capital, index) => capital + Math.log1p(-(stakes[index] as number) * excess)),
      };
    },
    assess(tally) {
      const blocks = Number(tally.blocks ?? 0);
      const harm = eValueOf(tally.harm as readonly number[] | undefined);
      const fair = eValueOf(tally.fair as readonly number[] | undefined);
      const difference = blocks === 0 ? 0 : (sign * Number(tally.sum)) / blocks;
      const radius = blocks === 0 ? Number.POSITIVE_INFINITY : radiusOf(blocks, alpha);
      return {
        guardrail: guardrail.name,
        margin: guardrail.margin,
        blocks,
        harm: { eValue: harm, pValue: Math.min(1, 1 / harm) },
        nonInferiority: { eValue: fair, pValue: Math.min(1, 1 / fair) },
        estimate: {
          difference: difference * length,
          lower: Math.max(-1, difference - radius) * length,
          upper: Math.min(1, difference + radius) * length,
        },
        alpha,
        verdict: harm >= 1 / alpha ? 'harm' : fair >= 1 / alpha ? 'non-inferior' : 'inconclusive',
      };
    },
  };
}

function eValueOf(capitals: readonly number[] | undefined): number {
  if (capitals === undefined) return 1;
  return capitals.reduce((sum, capital) => sum + Math.exp(Math.min(capital, 500)), 0) / capitals.length;
}

/** Half the width of a confidence sequence for the mean of values in [-1, 1]: the two-sided normal mixture of Howard et al., 2021. */
function radiusOf(blocks: number, alpha: number): number {
  const rho = 0.01;
  const grown = blocks * rho + 1;
  return Math.sqrt(((2 * grown) / (blocks * blocks * rho)) * Math.log(Math.sqrt(grown) / alpha));
}
