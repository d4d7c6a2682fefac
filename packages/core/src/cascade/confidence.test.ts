import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelSignature } from '../signature';
import { numberToHalf } from '../tensor/float16';
import type { Tensors } from '../tensor/tensor';
import { rowsOf, thrownBy } from '../testing/test-kit.fixture';
import { type ConfidenceRule, compileJudge, measureOf, softmax } from './confidence';

const signature = (...outputs: ModelSignature['outputs']): ModelSignature => ({ inputs: [], outputs, batchAxis: 0 });
const scores = signature({ name: 'p', dtype: 'float32', shape: ['batch', 3] });
const judge = (rule: Partial<ConfidenceRule>, outputs: Tensors, rows: number, of = scores) =>
  Array.from(compileJudge(rule, of, 'test')(outputs, rows));

describe('measures', () => {
  const p = Float64Array.of(0.7, 0.2, 0.1);
  test('by hand', () => {
    expect(measureOf(p, 'max-probability')).toBe(0.7);
    expect(measureOf(p, 'margin')).toBeCloseTo(0.5, 12);
    const entropy = -(0.7 * Math.log(0.7) + 0.2 * Math.log(0.2) + 0.1 * Math.log(0.1));
    expect(measureOf(p, 'entropy')).toBeCloseTo(1 - entropy / Math.log(3), 12);
  });

  test('all say 1 of a sure row, and the least of one that knows nothing', () => {
    for (const measure of ['max-probability', 'margin', 'entropy'] as const) {
      expect(measureOf(Float64Array.of(1, 0, 0), measure)).toBe(1);
      const least = measureOf(Float64Array.of(1 / 3, 1 / 3, 1 / 3), measure);
      expect(least).toBeCloseTo(measure === 'max-probability' ? 1 / 3 : 0, 12);
      expect(measureOf(Float64Array.of(0.5, Number.NaN, 0.5), measure)).toBeNaN();
    }
  });

  test('all lie between 0 and 1, and temperature 1 changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 2, maxLength: 9 }), (logits) => {
        const probabilities = softmax(Float64Array.from(logits), 1);
        expect(probabilities.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
        for (const measure of ['max-probability', 'margin', 'entropy'] as const) {
          const value = measureOf(probabilities, measure);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1 + 1e-12);
          const outputs = { p: { dtype: 'float64' as const, shape: [1, logits.length], data: probabilities } };
          const of = signature({ name: 'p', dtype: 'float64', shape: ['batch', logits.length] });
          expect(judge({ measure }, outputs, 1, of)[0]).toBeCloseTo(value, 9);
        }
      }),
    );
  });
});

test('a temperature means the same for probabilities and for their logits', () => {
  const logits = [2, 1, -1];
  const p = softmax(Float64Array.from(logits), 1);
  const expected = Math.exp(2 / 3) / (Math.exp(2 / 3) + Math.exp(1 / 3) + Math.exp(-1 / 3));
  expect(judge({ temperature: 3, scores: 'logits' }, { p: rowsOf(logits) }, 1)[0]).toBeCloseTo(expected, 6);
  expect(judge({ temperature: 3 }, { p: rowsOf([...p]) }, 1)[0]).toBeCloseTo(expected, 6);
});

test('zeros and infinite logits are no trouble', () => {
  expect(judge({ temperature: 2 }, { p: rowsOf([1, 0, 0], [0.5, 0.5, 0]) }, 2)).toEqual([1, 0.5]);
  const most = judge({ scores: 'logits' }, { p: rowsOf([Infinity, 0, 0], [-Infinity, 1, 1]) }, 2);
  expect(most).toEqual([1, 0.5]);
});

test('half floats are read as numbers', () => {
  const data = Uint16Array.from([0.75, 0.25, 0], numberToHalf);
  const of = signature({ name: 'p', dtype: 'float16', shape: ['batch', 3] });
  expect(judge({}, { p: { dtype: 'float16', shape: [1, 3], data } }, 1, of)[0]).toBeCloseTo(0.75, 9);
});

test('a row of several vectors is as sure as its least sure one', () => {
  const data = Float32Array.of(0.5, 0.5, 0.75, 0.25, 1, 0, 1, 0);
  const of = signature({ name: 'p', dtype: 'float32', shape: ['batch', 2, 2] });
  expect(judge({}, { p: { dtype: 'float32', shape: [2, 2, 2], data } }, 2, of)).toEqual([0.5, 1]);
});

test('the output is found where there is one, and named where there are more', () => {
  const label = { name: 'label', dtype: 'int64' as const, shape: ['batch'] };
  expect(judge({}, { p: rowsOf([0.5, 0.25, 0.25]) }, 1, signature(label, ...scores.outputs))).toEqual([0.5]);
  const two = signature(...scores.outputs, { name: 'q', dtype: 'float32', shape: ['batch', 3] });
  expect(thrownBy(() => judge({}, {}, 1, two), 'INVALID_OPTION').message).toContain('one of "p", "q"');
  expect(judge({ output: 'q' }, { q: rowsOf([1, 0, 0]) }, 1, two)).toEqual([1]);
  expect(thrownBy(() => judge({}, {}, 1, signature(label)), 'INVALID_OPTION').message).toContain(
    'function of your own',
  );
});

test('an answer without scores is OUTPUT_INVALID', () => {
  thrownBy(() => judge({}, {}, 1), 'OUTPUT_INVALID');
  thrownBy(() => judge({}, { p: rowsOf([1]) }, 1), 'OUTPUT_INVALID');
  thrownBy(() => judge({}, { p: rowsOf([0.5, 0.2, 0.1]) }, 1), 'OUTPUT_INVALID');
  thrownBy(() => judge({}, { p: rowsOf([-1, 1, 1]) }, 1), 'OUTPUT_INVALID');
});
