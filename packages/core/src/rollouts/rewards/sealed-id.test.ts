import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeal, createSealKey, type SealedDecision } from './sealed-id';

const key = '000102030405060708090a0b0c0d0e0f';
const decision: SealedDecision = {
  id: 'replica.mc2x.4f8h:1a',
  owner: 'replica.mc2x.4f8h',
  run: 12,
  at: 1_790_000_000_123,
  arm: 'canary',
  propensity: 0.05,
  isRandomised: true,
};

describe('the seal of an id', () => {
  it('is broken by every change', () => {
    const seal = createSeal(key);
    const text = seal.write(decision);
    expect(seal.read(text)).toEqual(decision);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === '1' ? '2' : '1';
      expect(seal.read(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
      expect(seal.read(text.slice(0, at))).toBeUndefined();
      expect(seal.read(text.slice(0, at) + text.slice(at + 1))).toBeUndefined();
    }
    for (const wrong of ['', ',', `${text} `, text.toUpperCase(), decision.id, 'x'.repeat(100_000)]) {
      expect(seal.read(wrong)).toBeUndefined();
    }
  });

  it('of another key is none', () => {
    const text = createSeal(key).write(decision);
    expect(createSeal(key.replace('0f', '0e')).read(text)).toBeUndefined();
    const [one, other] = [createSealKey(), createSealKey()];
    expect(one).toMatch(/^[0-9a-f]{32}$/);
    expect(one).not.toBe(other);
  });

  it('brings back whatever was decided, whatever it is called', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.record({
          owner: fc.string({ minLength: 1, unit: 'grapheme' }),
          number: fc.nat(),
          run: fc.nat(),
          at: fc.integer({ min: 0, max: 4e12 }),
          arm: fc.string({ minLength: 1, unit: 'grapheme' }),
          propensity: fc.double({ min: 1e-300, max: 1, noNaN: true }),
          isRandomised: fc.boolean(),
          context: fc.option(fc.array(finite, { minLength: 1, maxLength: 20 }), { nil: undefined }),
        }),
        ({ owner, number, context, ...rest }) => {
          const given: SealedDecision = {
            ...rest,
            owner,
            id: `${owner}:${number.toString(36)}`,
            // -0 is 0 to everybody.
            ...(context === undefined ? {} : { context: context.map((value) => value + 0) }),
          };
          const seal = createSeal(key);
          expect(seal.read(seal.write(given))).toEqual(given);
        },
      ),
    );
  });
});
