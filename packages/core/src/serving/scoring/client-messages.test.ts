import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import type { ModelSignature } from '../../signature';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensor } from '../../tensor/tensor';
import { decodePredictionValues, encodeColumns, encodeInstances } from './client-messages';
import { encodePredictionValues } from './predictions';
import { decodeScoringMessage } from './scoring-message';

const signature: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 2] },
    { name: 'id', dtype: 'int64', shape: ['batch'] },
  ],
  outputs: [
    { name: 'y', dtype: 'float64', shape: ['batch', 1] },
    { name: 'word', dtype: 'string', shape: ['batch'] },
  ],
  batchAxis: 0,
};
const single: ModelSignature = { ...signature, outputs: [{ name: 'y', dtype: 'float64', shape: ['batch', 1] }] };

const read = (text: string, of = signature) => ({
  ...readJson(text, (value) => decodePredictionValues(value, of, 100, 'predictions')),
});
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    const { code, details } = error as FairleadError;
    return `${code} ${details.field}`;
  }
  return 'read';
};

describe('messages of scoring clients', () => {
  it('are read by the server as they were meant, and its answers by the client (500 cases)', () => {
    const rows = fc
      .integer({ min: 1, max: 4 })
      .chain((count) =>
        fc.tuple(
          fc.array(fc.float(), { minLength: 2 * count, maxLength: 2 * count }),
          fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: count, maxLength: count }),
          fc.array(fc.double(), { minLength: count, maxLength: count }),
          fc.array(fc.string({ unit: 'binary' }), { minLength: count, maxLength: count }),
        ),
      );
    const dialect = { formats: ['instances', 'inputs'], paramsField: 'params' } as const;
    const check = ([x, id, y, word]: [number[], bigint[], number[], string[]]): void => {
      const count = id.length;
      const inputs: Tensor[] = [
        { dtype: 'float32', shape: [count, 2], data: Float32Array.from(x) },
        { dtype: 'int64', shape: [count], data: BigInt64Array.from(id) },
      ];
      for (const body of [
        `{"instances":${encodeInstances(inputs, signature)}}`,
        `{"inputs":${encodeColumns(inputs, signature)}}`,
      ]) {
        const got = readJson(body, (message) => decodeScoringMessage(message, signature, dialect, 100));
        expect({ ...got }).toEqual({ x: inputs[0], id: inputs[1] });
      }
      const outputs = {
        y: { dtype: 'float64', shape: [count, 1], data: Float64Array.from(y) },
        word: { dtype: 'string', shape: [count], data: word },
      } as const;
      expect(read(encodePredictionValues(outputs, signature))).toEqual(outputs);
    };
    fc.assert(fc.property(rows, check), { numRuns: 500 });
  });

  it('take what servers make of one output and of several', () => {
    const y = { dtype: 'float64', shape: [2, 1], data: Float64Array.of(1, 2) };
    for (const text of [
      '[[1], [2]]',
      '[1, 2]',
      '[{"y": 1}, {"y": 2}]',
      '[{"y": [1]}, {"y": [2]}]',
      '{"y": [[1], [2]]}',
      '{"y": [1, 2]}',
    ])
      expect(read(text, single)).toEqual({ y });
    const flat: ModelSignature = { ...single, outputs: [{ name: 'y', dtype: 'float64', shape: ['batch'] }] };
    expect(read('[[1], [2]]', flat)).toEqual({ y: { ...y, shape: [2] } });
    expect(read('[{"y": null, "word": "a"}]').y?.data).toEqual(Float64Array.of(Number.NaN));
    expect(read('[NaN]', single).y?.data).toEqual(Float64Array.of(Number.NaN));
  });

  it('refuse what is no prediction, case by case', () => {
    const cases: [string, ModelSignature, string][] = [
      ['7', single, 'predictions'],
      ['null', single, 'predictions'],
      ['{}', single, 'predictions'],
      ['["a"]', single, 'y.data[0]'],
      ['[[1], 2]', single, 'y.data'],
      ['[[1, 2], [3, 4]]', single, 'y.shape'],
      ['[[[1]]]', single, 'read'],
      ['[[[[1]]]]', single, 'y.shape'],
      ['[1, 2]', signature, 'predictions[0]'],
      ['[{"y": 1}]', signature, 'predictions[0]'],
      ['{"y": [1]}', signature, 'predictions'],
    ];
    for (const [text, of, field] of cases)
      expect(
        refusal(() => read(text, of)),
        text,
      ).toBe(field === 'read' ? field : `INVALID_INPUT ${field}`);
    const long = JSON.stringify(Array.from({ length: 101 }, () => 1));
    expect(refusal(() => read(long, single))).toBe('LIMIT_EXCEEDED y.shape');
    expect(refusal(() => encodeInstances([], { ...signature, batchAxis: 1 }))).toMatch('UNSUPPORTED');
  });
});
