import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import fixtures from '../fixtures/distances.json';
import { type AdjustPValuesOptions, adjustPValues } from './adjust-p-values';

describe('adjustPValues', () => {
  it('gives what a person computes', () => {
    const adjusted = adjustPValues([0.01, 0.02, 0.03, 0.2]);
    [0.04, 0.04, 0.04, 0.2].forEach((p, i) => {
      expect(adjusted[i]).toBeCloseTo(p, 15);
    });
  });

  it.each(fixtures.adjusted)('agrees with scipy on $pValues', (expected) => {
    for (const method of ['benjamini-hochberg', 'benjamini-yekutieli'] as const) {
      const adjusted = adjustPValues(expected.pValues, { method });
      expect(adjusted).toHaveLength(expected.pValues.length);
      adjusted.forEach((p, i) => {
        const wanted = expected[method][i] as number;
        expect(Math.abs(p - wanted)).toBeLessThanOrEqual(1e-13 * wanted);
      });
    }
  });

  it('never lowers a p-value, keeps their order, and leaves the array as it was', () => {
    const p = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.05, 1));
    fc.assert(
      fc.property(fc.array(p, { maxLength: 30 }), (pValues) => {
        const given = [...pValues];
        const adjusted = adjustPValues(pValues);
        expect(pValues).toEqual(given);
        for (let i = 0; i < adjusted.length; i++) {
          // n·p/n may lose the last bit.
          expect(adjusted[i]).toBeGreaterThanOrEqual((pValues[i] as number) * (1 - 1e-15));
          expect(adjusted[i]).toBeLessThanOrEqual(1);
          for (let j = 0; j < i; j++) {
            if ((pValues[j] as number) <= (pValues[i] as number)) {
              expect(adjusted[j]).toBeLessThanOrEqual(adjusted[i] as number);
            }
          }
        }
      }),
    );
  });

  it.each<[string, unknown, string]>([
    ['a p-value above 1', [0.1, 1.5], 'pValues[1]'],
    ['a negative one', [-0.1], 'pValues[0]'],
    ['NaN', [0.5, Number.NaN], 'pValues[1]'],
    ['a text', ['.5'], 'pValues[0]'],
    ['a hole', new Array(1), 'pValues[0]'],
    ['no array', 0.5, 'pValues'],
    ['nothing', null, 'pValues'],
  ])('refuses %s', (_what, pValues, field) => {
    let thrown: unknown;
    try {
      adjustPValues(pValues as number[]);
    } catch (error) {
      thrown = error;
    }
    expect(FairleadError.isInstance(thrown, 'INVALID_ARGUMENT')).toBe(true);
    expect((thrown as FairleadError).details.field).toBe(field);
  });

  it.each<[unknown, string]>([
    [{ method: 'bonferroni' }, 'method'],
    [{ alpha: 0.05 }, 'alpha'],
  ])('refuses the options %j', (options, field) => {
    expect(() => adjustPValues([0.5], options as AdjustPValuesOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });
});
