import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { createAssigner } from './assignment';
import { bucketCount, bucketOf, createKeyHash } from './hash';

const keys = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
const share = (weight: number, arms = ['canary']) => ({
  champion: 1 - weight * arms.length,
  ...Object.fromEntries(arms.map((arm) => [arm, weight])),
});
const assignerOf = (weights: Record<string, number>, options = {}, experiment = 'digits') =>
  createAssigner(experiment, weights, options, createRandom(3));

function sharesOf(assigner: ReturnType<typeof createAssigner>, given: readonly (string | undefined)[] = keys) {
  const counts: Record<string, number> = {};
  for (const key of given) {
    const { arm } = assigner.assign(key);
    counts[arm] = (counts[arm] ?? 0) + 1 / given.length;
  }
  return counts;
}

describe('the hash', () => {
  it('spreads keys evenly over the buckets', () => {
    const hash = createKeyHash('salt', 'digits');
    const tenths = new Array<number>(10).fill(0);
    for (const key of keys) {
      const tenth = Math.floor((bucketOf(hash(key)) / bucketCount) * 10);
      tenths[tenth] = (tenths[tenth] as number) + 1;
    }
    // χ² of 9 degrees of freedom: 27.9 is passed once in a thousand.
    const expected = keys.length / 10;
    expect(tenths.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(27.9);
  });

  it('is the same in every process, so it must never change', () => {
    const hash = createKeyHash('salt', 'digits');
    expect(['', 'a', 'user-1', 'Zoë'].map((key) => bucketOf(hash(key)))).toMatchInlineSnapshot(`
      [
        7416,
        6984,
        7880,
        8508,
      ]
    `);
  });

  it('does not take one purpose for another', () => {
    expect(createKeyHash('ab', 'c')('x')).not.toBe(createKeyHash('a', 'bc')('x'));
  });
});

describe('an assignment', () => {
  it('gives each arm its share, and a key the same arm each time', () => {
    const assigner = assignerOf({ champion: 0.5, a: 0.3, b: 0.2 });
    const shares = sharesOf(assigner);
    expect(shares.champion).toBeCloseTo(0.5, 1);
    expect(shares.a).toBeCloseTo(0.3, 1);
    expect(shares.b).toBeCloseTo(0.2, 1);
    for (const key of keys.slice(0, 100)) expect(assigner.assign(key)).toBe(assigner.assign(key));
  });

  it('loses nobody from a challenger while its share grows', () => {
    const weight = fc.double({ min: 0, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(weight, weight, fc.integer({ min: 1, max: 2 }), fc.string(), (one, other, challengers, salt) => {
        const arms = ['a', 'b'].slice(0, challengers);
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const before = assignerOf(share(less, arms), { salt });
        const after = assignerOf(share(more, arms), { salt });
        for (const key of keys.slice(0, 300)) {
          const { arm } = before.assign(key);
          if (arm !== 'champion') expect(after.assign(key).arm).toBe(arm);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('takes a control slice as large as the challenger from the champion, as far as that one reaches', () => {
    expect(assignerOf(share(0.1)).controlShare).toBeCloseTo(0.1, 9);
    expect(assignerOf(share(0.8)).controlShare).toBeCloseTo(0.2, 9);
    expect(assignerOf(share(0)).controlShare).toBe(0);
    const slots = keys.map((key) => assignerOf(share(0.1)).assign(key));
    const control = slots.filter((slot) => slot.arm === 'champion' && slot.evidence).length / keys.length;
    expect(control).toBeCloseTo(0.1, 1);
  });

  it('leaves the keys of a challenger where they are when another one leaves, and goes on growing from there', () => {
    const layout = { a: 0.1, b: 0.2, c: 0.1 };
    const of = (weights: Record<string, number>) => createAssigner('digits', weights, {}, createRandom(3), layout);
    const armsOf = (assigner: ReturnType<typeof of>) => keys.map((key) => assigner.assign(key).arm);
    const all = armsOf(of({ champion: 0.6, a: 0.1, b: 0.2, c: 0.1 }));
    const left = of({ champion: 0.8, a: 0.1, c: 0.1 });
    const more = of({ champion: 0.6, a: 0.2, c: 0.2 });
    const [afterwards, grown] = [armsOf(left), armsOf(more)];
    all.forEach((arm, index) => {
      expect(afterwards[index]).toBe(arm === 'b' ? 'champion' : arm);
      if (afterwards[index] !== 'champion') expect(grown[index]).toBe(afterwards[index]);
    });
    for (const [assigner, weight] of [
      [left, 0.1],
      [more, 0.2],
    ] as const) {
      expect(sharesOf(assigner).a).toBeCloseTo(weight, 1);
      const control = keys.filter((key) => {
        const { arm, evidence } = assigner.assign(key);
        return arm === 'champion' && evidence;
      });
      expect(control.length / keys.length).toBeCloseTo(weight, 1);
      expect(assigner.controlShare).toBeCloseTo(weight, 3);
    }
  });

  it('takes the control slice from what another challenger left, where the champion has nothing else', () => {
    const assigner = createAssigner('digits', { champion: 0.5, a: 0.5 }, {}, createRandom(3), { a: 0.5, b: 0.5 });
    expect(assigner.controlShare).toBeCloseTo(0.5, 9);
    const slots = keys.map((key) => assigner.assign(key));
    expect(slots.every(({ evidence }) => evidence)).toBe(true);
    expect(sharesOf(assigner).a).toBeCloseTo(0.5, 1);
  });

  it('goes by the weights alone where these do not fit into the layout', () => {
    const assigner = createAssigner('digits', { champion: 0, a: 1 }, {}, createRandom(3), { a: 0.1, b: 0.1 });
    expect(sharesOf(assigner)).toEqual({ a: expect.closeTo(1, 6) });
    const other = createAssigner('digits', { champion: 0.5, z: 0.5 }, {}, createRandom(3), { a: 0.1 });
    expect(sharesOf(other).z).toBeCloseTo(0.5, 1);
  });

  it('takes requests without a key by chance', () => {
    const assigner = assignerOf(share(0.25));
    expect(sharesOf(assigner, new Array(20_000).fill(undefined)).canary).toBeCloseTo(0.25, 1);
  });

  it('keeps a holdout with the champion, the same one for every experiment of a salt, and takes no evidence from it', () => {
    const held = (experiment: string): string[] => {
      const assigner = assignerOf(share(1), { salt: 's', holdout: 0.1 }, experiment);
      return keys.filter((key) => assigner.assign(key).arm === 'champion');
    };
    expect(held('one')).toEqual(held('two'));
    expect(held('one').length / keys.length).toBeCloseTo(0.1, 1);
    const assigner = assignerOf(share(1), { salt: 's', holdout: 0.1 });
    expect(assigner.assign(held('one')[0])).toMatchObject({ evidence: false, counted: false, propensity: 1 });
  });

  it('follows overrides, before the holdout, and takes no evidence from them', () => {
    const assigner = assignerOf(share(0), { holdout: 0.9, overrides: { ada: 'canary' } });
    expect(assigner.assign('ada')).toEqual({ arm: 'canary', propensity: 1, evidence: false, counted: false });
  });

  it('never gives a key to two experiments of one layer', () => {
    const one = assignerOf(share(1), { layer: { name: 'search', from: 0, to: 0.5 } }, 'one');
    const two = assignerOf(share(1), { layer: { name: 'search', from: 0.5, to: 1 } }, 'two');
    const sides = keys.map((key) => [one.assign(key).arm, two.assign(key).arm].toSorted().join());
    expect(new Set(sides)).toEqual(new Set(['canary,champion']));
  });

  it('assigns experiments independently of one another', () => {
    const one = assignerOf(share(0.5), {}, 'one');
    const two = assignerOf(share(0.5), {}, 'two');
    const both = keys.filter((key) => one.assign(key).arm === 'canary' && two.assign(key).arm === 'canary');
    expect(both.length / keys.length).toBeCloseTo(0.25, 1);
  });
});
