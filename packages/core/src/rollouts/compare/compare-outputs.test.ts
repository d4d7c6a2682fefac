import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../errors';
import type { Tensors } from '../../tensor/tensor';
import { compareOutputs } from './compare-outputs';

const scores = (...rows: number[][]): Tensors => ({
  probabilities: { dtype: 'float32', shape: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) },
});

describe('two answers', () => {
  test('are compared row by row, by tolerance, first place and order', () => {
    const reference = scores([0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1]);
    const other = scores([0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.4, 0.5, 0.1]);
    const found = compareOutputs(reference, other);
    expect(found).toEqual({
      rows: 3,
      withinTolerance: 1,
      largestDifference: expect.closeTo(0.3, 6),
      sameTop: 1,
      // The first row is the same; in the second and the third one of three pairs has changed places.
      rankAgreement: { kendall: expect.closeTo((1 + 1 / 3 + 1 / 3) / 3, 12), spearman: expect.closeTo(2 / 3, 12) },
    });
    expect(compareOutputs(reference, reference)).toMatchObject({
      withinTolerance: 3,
      largestDifference: 0,
      sameTop: 3,
    });
  });

  test('agree within a tolerance of the user, or that of the dtype', () => {
    const [one, two] = [scores([1, 0]), scores([1.009, 0])];
    expect(compareOutputs(one, two).withinTolerance).toBe(1);
    expect(compareOutputs(one, two, { tolerance: { relative: 0 } }).withinTolerance).toBe(0);
    expect(compareOutputs(one, scores([1.4, 0]), { tolerance: { absolute: 0.5 } }).withinTolerance).toBe(1);
  });

  test('of labels and texts agree when they are equal; a row agrees when all outputs do', () => {
    const answer = (labels: bigint[], names: string[]): Tensors => ({
      label: { dtype: 'int64', shape: [2], data: BigInt64Array.from(labels) },
      name: { dtype: 'string', shape: [2, 1], data: names },
    });
    const found = compareOutputs(answer([3n, 4n], ['a', 'b']), answer([3n, 4n], ['a', 'c']));
    expect(found).toEqual({ rows: 2, withinTolerance: 1, largestDifference: 0 });
    expect(compareOutputs(answer([3n, 4n], ['a', 'b']), answer([3n, 9n], ['a', 'b'])).largestDifference).toBe(5);
  });

  test('with one score a row have their order over the rows, and no first place', () => {
    const found = compareOutputs(scores([1], [2], [3]), scores([1], [3], [2]));
    expect(found).toMatchObject({
      rankAgreement: { kendall: expect.closeTo(1 / 3, 12), spearman: expect.closeTo(0.5, 12) },
    });
    expect(found.sameTop).toBeUndefined();
    expect(compareOutputs(scores([1]), scores([2])).rankAgreement).toBeUndefined();
  });

  test('with NaN never have the same first place as sound ones', () => {
    expect(compareOutputs(scores([0.9, 0.1]), scores([Number.NaN, 0.1]))).toMatchObject({
      sameTop: 0,
      withinTolerance: 0,
    });
  });

  test('without rows say nothing', () => {
    const empty: Tensors = { y: { dtype: 'float32', shape: [0, 2], data: new Float32Array(0) } };
    expect(compareOutputs(empty, empty)).toEqual({ rows: 0, withinTolerance: 0, largestDifference: 0 });
  });

  test('may have their scores named, or left alone', () => {
    const two = { ...scores([0.9, 0.1]), logits: scores([5, 1]).probabilities } as Tensors;
    const other = { ...scores([0.1, 0.9]), logits: scores([5, 1]).probabilities } as Tensors;
    expect(compareOutputs(two, other).sameTop).toBeUndefined();
    expect(compareOutputs(two, other, { scores: 'probabilities' }).sameTop).toBe(0);
    expect(compareOutputs(two, other, { scores: 'logits' }).sameTop).toBe(1);
    expect(compareOutputs(scores([1, 0]), scores([1, 0]), { scores: false }).sameTop).toBeUndefined();
  });

  const y = (dtype: 'float32' | 'float64', shape: number[], length: number): Tensors => ({
    y: {
      dtype,
      shape,
      data: dtype === 'float32' ? new Float32Array(length) : new Float64Array(length),
    } as Tensors[string],
  });
  test.each<[string, Tensors, Tensors, string]>([
    ['an output of one alone', y('float32', [1, 2], 2), {}, 'y'],
    ['no outputs', undefined as never, {}, 'reference'],
    ['no outputs of the other', {}, null as never, 'other'],
    ['an output that is none', { y: null as never }, { y: null as never }, 'y'],
    ['an output of the other alone', {}, y('float32', [1, 2], 2), 'y'],
    ['other dtypes', y('float32', [1, 2], 2), y('float64', [1, 2], 2), 'y'],
    ['other shapes', y('float32', [1, 2], 2), y('float32', [2, 1], 2), 'y'],
    [
      'rows that differ among outputs',
      { ...scores([1, 0]), ...y('float32', [2], 2) },
      { ...scores([1, 0]), ...y('float32', [2], 2) },
      'y',
    ],
  ])('with %s cannot be compared', (_what, one, two, field) => {
    expect(failureOf(() => compareOutputs(one, two))).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  test('cannot have scores that there are none of', () => {
    const failure = failureOf(() => compareOutputs(scores([1, 0]), scores([1, 0]), { scores: 'logits' }));
    expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'scores', given: 'logits' } });
  });
});

function failureOf(run: () => unknown): FairleadError {
  try {
    run();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
  }
  throw new Error('It did not fail as it should.');
}
