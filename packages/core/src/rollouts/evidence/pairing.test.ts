import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
