import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { createPairing, type Pair } from './pairing';

type Side = 'challenger' | 'control';

function pairsOf(sides: readonly Side[]): { pairs: Pair<number>[]; leftOut: number } {
  const pairing = createPairing<number>();
  const pairs = sides.map((side, index) => pairing.add(side, index)).filter((pair) => pair !== undefined);
  return { pairs, leftOut: pairing.leftOut };
}

describe('a pairing', () => {
  test('pairs neighbours of different arms; of several in a row the last', () => {
    const [a, b] = ['challenger', 'control'] as const;
    expect(pairsOf([a, b, b, a])).toEqual({
      pairs: [
        { challenger: 0, control: 1 },
        { challenger: 3, control: 2 },
      ],
      leftOut: 0,
    });
    expect(pairsOf([a, a, a, b, b])).toEqual({ pairs: [{ challenger: 2, control: 3 }], leftOut: 2 });
    expect(pairsOf([b, b])).toEqual({ pairs: [], leftOut: 1 });
  });

  test.each([
    ['as often', 0.5],
    ['three times as often', 0.75],
    ['nineteen times as often', 0.95],
    ['a ninth as often', 0.1],
  ])(
    'has the challenger first in one half of the pairs where it comes %s, and wastes no blocks of the rarer arm',
    (_, share) => {
      const random = createRandom(17);
      const pairing = createPairing<number>(random);
      const blocks = 60_000;
      let pairs = 0;
      let challengerFirst = 0;
      for (let block = 0; block < blocks; block++) {
        const pair = pairing.add(random() < share ? 'challenger' : 'control', block);
        if (pair === undefined) continue;
        pairs++;
        if (pair.challenger < pair.control) challengerFirst++;
      }
      // Four standard errors of a coin.
      expect(Math.abs(challengerFirst / pairs - 0.5)).toBeLessThan(2 / Math.sqrt(pairs));
      const rarer = Math.min(share, 1 - share);
      expect(pairs / blocks).toBeGreaterThan(0.65 * rarer);
      if (share > 0.9) expect(pairs / blocks).toBeGreaterThan(0.9 * rarer);
    },
  );

  test('has the same pairs the other way round when the arms are exchanged, and uses no block twice', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (throws) => {
        const sides = throws.map((is): Side => (is ? 'challenger' : 'control'));
        const exchanged = throws.map((is): Side => (is ? 'control' : 'challenger'));
        const { pairs, leftOut } = pairsOf(sides);
        expect(pairsOf(exchanged).pairs).toEqual(
          pairs.map(({ challenger, control }) => ({ challenger: control, control: challenger })),
        );
        const used = pairs.flatMap(({ challenger, control }) => [challenger, control]);
        expect(new Set(used).size).toBe(used.length);
        for (const { challenger, control } of pairs) {
          expect(Math.abs(challenger - control)).toBe(1);
          expect(sides[challenger]).toBe('challenger');
          expect(sides[control]).toBe('control');
        }
        expect(throws.length - used.length - leftOut).toBeOneOf([0, 1]);
      }),
      { seed: 5 },
    );
  });
});
