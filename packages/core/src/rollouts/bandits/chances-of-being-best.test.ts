import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { type BetaLaw, chancesOfBeingBest } from './chances-of-being-best';

/** ln n! by the sum itself. */
const lnFactorials = [0];
function lnFactorial(n: number): number {
  for (let k = lnFactorials.length; k <= n; k++) lnFactorials.push((lnFactorials[k - 1] as number) + Math.log(k));
  return lnFactorials[n] as number;
}
const lnBeta = (a: number, b: number): number => lnFactorial(a - 1) + lnFactorial(b - 1) - lnFactorial(a + b - 1);

/** P(X > Y) for whole parameters, in closed form: a sum over the parameter of X. */
function exceeds(x: BetaLaw, y: BetaLaw): number {
  let sum = 0;
  for (let i = 0; i < x.alpha; i++) {
    sum += Math.exp(
      lnBeta(y.alpha + i, x.beta + y.beta) - Math.log(x.beta + i) - lnBeta(1 + i, x.beta) - lnBeta(y.alpha, y.beta),
    );
  }
  return sum;
}

describe('chancesOfBeingBest', () => {
  it('is the closed form for two laws', () => {
    const parameter = fc.integer({ min: 1, max: 400 });
    const law = fc.record({ alpha: parameter, beta: parameter });
    fc.assert(
      fc.property(law, law, (x, y) => {
        const [chance, other] = chancesOfBeingBest([x, y]) as [number, number];
        expect(chance).toBeCloseTo(exceeds(x, y), 6);
        expect(other).toBeCloseTo(exceeds(y, x), 6);
      }),
      { numRuns: 300 },
    );
  });

  it('is the closed form for two laws that are drawn from now and then, and equals share', () => {
    /** P(X > x) for whole parameters: fewer than α of α + β − 1 uniform numbers lie below x. */
    const above = ({ alpha, beta }: BetaLaw, x: number): number => {
      const n = alpha + beta - 1;
      let sum = 0;
      for (let k = 0; k < alpha; k++) {
        sum += Math.exp(
          lnFactorial(n) - lnFactorial(k) - lnFactorial(n - k) + k * Math.log(x) + (n - k) * Math.log1p(-x),
        );
      }
      return sum;
    };
    const meanOf = ({ alpha, beta }: BetaLaw): number => alpha / (alpha + beta);
    const parameter = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 400 }));
    const law = fc.record({ alpha: parameter, beta: parameter });
    fc.assert(
      fc.property(law, law, fc.double({ min: 0.01, max: 1, noNaN: true }), (x, y, drawn) => {
        const difference = meanOf(x) - meanOf(y);
        const byMeans = difference === 0 ? 0.5 : difference > 0 ? 1 : 0;
        const expected =
          drawn ** 2 * exceeds(x, y) +
          drawn * (1 - drawn) * (above(x, meanOf(y)) + 1 - above(y, meanOf(x))) +
          (1 - drawn) ** 2 * byMeans;
        const [chance, other] = chancesOfBeingBest([x, y], drawn) as [number, number];
        expect(chance).toBeCloseTo(expected, 6);
        expect(other).toBeCloseTo(1 - expected, 6);
      }),
      { numRuns: 300 },
    );
  });

  it('shares evenly among equals, and by their laws among those of the same mean', () => {
    for (const drawn of [0.2, 1]) {
      const chances = chancesOfBeingBest(new Array<BetaLaw>(7).fill({ alpha: 3, beta: 4 }), drawn);
      for (const chance of chances) expect(chance).toBeCloseTo(1 / 7, 9);
    }
    // By symmetry about one half both are above it as often, and beyond the other as often.
    const [wide, narrow, worse] = chancesOfBeingBest(
      [
        { alpha: 2, beta: 2 },
        { alpha: 50, beta: 50 },
        { alpha: 1, beta: 1e6 },
      ],
      0.1,
    ) as [number, number, number];
    expect(wide).toBeCloseTo(0.5, 6);
    expect(narrow).toBeCloseTo(0.5, 6);
    expect(worse).toBeLessThan(1e-9);
  });

  it('holds for laws that are very narrow, far apart or heavily skewed', () => {
    for (const [x, y] of [
      [
        { alpha: 1, beta: 1 },
        { alpha: 20_000, beta: 60_000 },
      ],
      [
        { alpha: 1, beta: 500 },
        { alpha: 1, beta: 1 },
      ],
      [
        { alpha: 30_100, beta: 70_000 },
        { alpha: 30_000, beta: 70_000 },
      ],
      [
        { alpha: 3, beta: 2000 },
        { alpha: 9, beta: 2000 },
      ],
    ] as const) {
      expect(chancesOfBeingBest([x, y])[0]).toBeCloseTo(exceeds(x, y), 6);
    }
    const [low, high] = chancesOfBeingBest([
      { alpha: 1e9, beta: 3e9 },
      { alpha: 3e9, beta: 1e9 },
    ]) as [number, number];
    expect(low).toBeLessThan(1e-12);
    expect(high).toBeCloseTo(1, 12);
  });

  it('agrees with draws for five laws', () => {
    const random = createRandom(7);
    const laws = [
      { alpha: 3, beta: 5 },
      { alpha: 4, beta: 4 },
      { alpha: 1, beta: 1 },
      { alpha: 12, beta: 11 },
      { alpha: 2, beta: 9 },
    ];
    // The α-th smallest of α + β − 1 uniform numbers has this law.
    const draw = ({ alpha, beta }: BetaLaw): number =>
      Array.from({ length: alpha + beta - 1 }, random).sort((a, b) => a - b)[alpha - 1] as number;
    const wins = laws.map(() => 0);
    const draws = 40_000;
    for (let i = 0; i < draws; i++) {
      const drawn = laws.map(draw);
      const best = drawn.indexOf(Math.max(...drawn));
      wins[best] = (wins[best] as number) + 1;
    }
    chancesOfBeingBest(laws).forEach((chance, arm) => {
      const error = Math.sqrt((chance * (1 - chance)) / draws);
      expect(Math.abs((wins[arm] as number) / draws - chance)).toBeLessThan(4 * error);
    });
  });

  it('agrees with a plain sum over a fine grid for parameters that are not whole', () => {
    const laws = [
      { alpha: 2.5, beta: 7.25 },
      { alpha: 3.75, beta: 6.5 },
      { alpha: 1.1, beta: 3.3 },
    ];
    const steps = 200_000;
    const density = ({ alpha, beta }: BetaLaw, x: number): number => x ** (alpha - 1) * (1 - x) ** (beta - 1);
    const totals = laws.map((law) => {
      let total = 0;
      for (let i = 0; i < steps; i++) total += density(law, (i + 0.5) / steps);
      return total;
    });
    const below = laws.map(() => 0);
    const expected = laws.map(() => 0);
    for (let i = 0; i < steps; i++) {
      const masses = laws.map((law, arm) => density(law, (i + 0.5) / steps) / (totals[arm] as number));
      masses.forEach((mass, arm) => {
        const others = masses.reduce(
          (product, theirs, other) => (other === arm ? product : product * ((below[other] as number) + theirs / 2)),
          1,
        );
        expected[arm] = (expected[arm] as number) + mass * others;
      });
      masses.forEach((mass, arm) => {
        below[arm] = (below[arm] as number) + mass;
      });
    }
    chancesOfBeingBest(laws).forEach((chance, arm) => {
      expect(chance).toBeCloseTo(expected[arm] as number, 6);
    });
  });

  it('is finite for any parameters, and sums to 1', () => {
    const parameter = fc.oneof(
      fc.double({ min: 1, max: 6, noNaN: true }),
      fc.double({ min: 1, max: 1e9, noNaN: true }),
    );
    const law = fc.record({ alpha: parameter, beta: parameter });
    fc.assert(
      fc.property(fc.array(law, { minLength: 1, maxLength: 6 }), (laws) => {
        const chances = chancesOfBeingBest(laws);
        for (const chance of chances) expect(chance).toBeGreaterThanOrEqual(0);
        expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 12);
      }),
      {
        numRuns: 300,
        examples: [
          [
            [
              { alpha: 1.9999999999999967, beta: 3 },
              { alpha: 1, beta: 1 },
            ],
          ],
        ],
      },
    );
  });

  it('shares equally among equals, and gives a lone law everything', () => {
    expect(chancesOfBeingBest([{ alpha: 5, beta: 5 }])).toEqual([1]);
    for (const chance of chancesOfBeingBest(new Array(8).fill({ alpha: 17, beta: 3 }))) {
      expect(chance).toBeCloseTo(1 / 8, 9);
    }
  });
});
