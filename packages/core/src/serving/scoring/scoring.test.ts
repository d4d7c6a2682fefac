import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import type { ModelSignature } from '../../signature';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { chooseMediaType, parseMediaType } from './media-type';
import { encodePredictionsCsv, encodePredictionValues } from './predictions';
import { decodeScoringMessage, scoringFormats } from './scoring-message';

const dialect = { formats: scoringFormats, paramsField: 'params' };
const matrix: ModelSignature = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
  batchAxis: 0,
};
const withScale: ModelSignature = {
  inputs: [...matrix.inputs, { name: 'scale', dtype: 'float32', shape: ['batch', 1] }],
  outputs: [...matrix.outputs, { name: 'label', dtype: 'int64', shape: ['batch'] }],
  batchAxis: 0,
};

const decode = (message: unknown, signature = matrix, maxElements = 100): Tensors => ({
  ...readJson(typeof message === 'string' ? message : JSON.stringify(message), (value) =>
    decodeScoringMessage(value, signature, dialect, maxElements),
  ),
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

describe('decodeScoringMessage', () => {
  const x = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };

  it('reads each of the four formats as the same tensors', () => {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    expect(decode({ dataframe_split: { columns: ['a', 'b'], data: rows } })).toEqual({ x });
    expect(
      decode({
        dataframe_records: [
          { a: 1, b: 2 },
          { a: 3, b: 4 },
        ],
      }),
    ).toEqual({ x });
    expect(decode({ instances: rows })).toEqual({ x });
    expect(decode({ instances: [{ x: [1, 2] }, { x: [3, 4] }] })).toEqual({ x });
    expect(decode({ inputs: rows })).toEqual({ x });
    expect(decode({ inputs: { x: rows }, anything: 'else' })).toEqual({ x });
    expect(decode('{"inputs": [[NaN, -Infinity]]}').x?.data).toEqual(Float32Array.of(Number.NaN, -Infinity));
  });

  it('takes exactly one of them, case by case', () => {
    for (const body of [[], 'x', 1, null, {}, { data: [] }, { instances: [[1, 2]], inputs: [[1, 2]] }])
      expect(refusal(() => decode(JSON.stringify(body)))).toBe('INVALID_INPUT the body');
    expect(refusal(() => decode('{"inputs": ['))).toMatch('PROTOCOL_ERROR');
    expect(() => decode({ instance: [[1, 2]] })).toThrow('exactly one of "dataframe_split"');
    expect(() => decode({ a: 1 })).toThrow('given "a"');
    expect(refusal(() => decode({ instances: [] }))).toBe('INVALID_INPUT instances');
    expect(refusal(() => decode({ instances: [[1, 'x']] }))).toBe('INVALID_INPUT x.data[1]');
    expect(refusal(() => decode({ inputs: { z: [[1, 2]] } }))).toBe('INVALID_INPUT inputs.x');
    expect(
      refusal(() =>
        decode(
          {
            inputs: [
              [1, 2],
              [3, 4],
            ],
          },
          matrix,
          3,
        ),
      ),
    ).toBe('LIMIT_EXCEEDED x.shape');
    const across = { ...matrix, batchAxis: 1 };
    expect(refusal(() => decode({ instances: [[1, 2]] }, across))).toBe('INVALID_INPUT instances');
    expect(decode({ inputs: [[1, 2]] }, across).x?.shape).toEqual([1, 2]);
  });

  it('gives every row the value of a parameter, and refuses one that no input has', () => {
    const scale = { dtype: 'float32', shape: [2, 1], data: Float32Array.of(0.5, 0.5) };
    const message = {
      dataframe_split: {
        columns: ['a', 'b'],
        data: [
          [1, 2],
          [3, 4],
        ],
      },
      params: { scale: 0.5 },
    };
    expect(decode(message, withScale)).toEqual({ x, scale });
    expect(
      decode(
        {
          inputs: {
            x: [
              [1, 2],
              [3, 4],
            ],
          },
          params: { scale: [0.5] },
        },
        withScale,
      ),
    ).toEqual({ x, scale });
    expect(decode({ inputs: [[1, 2]], params: null })).toEqual({
      x: { ...x, shape: [1, 2], data: Float32Array.of(1, 2) },
    });
    const fixed = { ...withScale, batchAxis: null };
    expect(decode({ inputs: { x: [[1, 2]] }, params: { scale: 3 } }, fixed).scale?.shape).toEqual([1, 1]);
    const cases: [unknown, string][] = [
      [[1], 'params'],
      ['a', 'params'],
      [{ temperature: 1 }, 'params.temperature'],
      [{ scale: 'x' }, 'scale.data[0]'],
      [{ scale: null }, 'scale.data[0]'],
      [{ scale: { a: 1 } }, 'scale.data[0]'],
    ];
    for (const [params, field] of cases)
      expect(refusal(() => decode({ inputs: { x: [[1, 2]] }, params }, withScale))).toBe(`INVALID_INPUT ${field}`);
  });

  it('answers any JSON with tensors or a refusal (2,000 cases)', () => {
    const key = fc.constantFrom(
      'dataframe_split',
      'dataframe_records',
      'instances',
      'inputs',
      'params',
      'x',
      'columns',
      'data',
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom(null, 1, 0.5, 'a', true, 1e300, 2 ** 60),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 3 }),
      ),
    }));
    const check = (message: unknown): void => {
      const outcome = refusal(() => decode(message));
      expect(outcome).toMatch(/^read$|^(INVALID_INPUT|LIMIT_EXCEEDED) /);
    };
    fc.assert(fc.property(fc.dictionary(key, value, { maxKeys: 3 }), check), { numRuns: 2000 });
  });
});

describe('predictions', () => {
  const y = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 3, Number.NaN, -0) } as const;
  const label = { dtype: 'int64', shape: [2], data: BigInt64Array.of(7n, 2n ** 60n) } as const;

  it('are values a row, of one output alone, of several by name', () => {
    expect(encodePredictionValues({ y }, matrix)).toBe('[[1,3],["NaN",-0]]');
    expect(encodePredictionValues({ y, label }, withScale)).toBe(
      '[{"y":[1,3],"label":7},{"y":["NaN",-0],"label":1152921504606846976}]',
    );
    const fixed = { ...withScale, batchAxis: null };
    expect(encodePredictionValues({ y, label }, fixed)).toBe(
      '{"y":[[1,3],["NaN",-0]],"label":[7,1152921504606846976]}',
    );
    const short = { ...label, shape: [1], data: BigInt64Array.of(1n) };
    expect(refusal(() => encodePredictionValues({ y, label: short }, withScale))).toMatch('OUTPUT_INVALID');
  });

  it('are lines of CSV', () => {
    expect(encodePredictionsCsv({ y, label }, withScale)).toBe('1,3,7\nNaN,-0,1152921504606846976\n');
    const words: ModelSignature = { ...matrix, outputs: [{ name: 's', dtype: 'string', shape: ['batch'] }] };
    const s: Tensor = { dtype: 'string', shape: [3], data: ['a', 'b,"c"', ''] };
    expect(encodePredictionsCsv({ s }, words)).toBe('a\n"b,""c"""\n""\n');
    const scalar = { dtype: 'float32', shape: [], data: Float32Array.of(1) } as const;
    expect(refusal(() => encodePredictionsCsv({ y: scalar }, { ...matrix, batchAxis: null }))).toMatch('UNSUPPORTED');
  });
});

describe('media types', () => {
  it('are read with their parameters', () => {
    const { type, parameters } = parseMediaType('Text/CSV; charset="utf-8" ; Header=present;');
    expect([type, Object.fromEntries(parameters)]).toEqual(['text/csv', { charset: 'utf-8', header: 'present' }]);
    expect(parseMediaType(undefined).type).toBe('');
  });

  it('are chosen as the client likes', () => {
    const offered = ['application/json', 'text/csv'] as const;
    const cases: [string | undefined, string | undefined][] = [
      [undefined, 'application/json'],
      ['', 'application/json'],
      ['*/*', 'application/json'],
      ['text/csv', 'text/csv'],
      ['text/*, application/json;q=0.5', 'text/csv'],
      ['*/*;q=0.1, text/csv;q=0', 'application/json'],
      ['application/x-npy', undefined],
      ['text/csv;q=x', undefined],
    ];
    for (const [header, chosen] of cases) expect(chooseMediaType(header, offered)).toBe(chosen);
  });
});
