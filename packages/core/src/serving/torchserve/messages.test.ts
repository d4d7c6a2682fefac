import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import type { RunResult } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import type { DType } from '../../tensor/dtype';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { compilePredictionDecoder, encodeAnswer, readTensors } from './messages';

const spec = (name: string, dtype: DType = 'float32', shape: TensorSpec['shape'] = ['batch', 2]): TensorSpec => ({
  name,
  dtype,
  shape,
});
const signatureOf = (...inputs: TensorSpec[]): ModelSignature => ({ inputs, outputs: inputs, batchAxis: 0 });
const one = signatureOf(spec('x'));
const two = signatureOf(spec('x'), spec('tag', 'string', ['batch']));
const read = (text: string, signature = one) => readJson(text, compilePredictionDecoder(signature, 100));
const f32 = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const resultOf = (outputs: Tensors) => ({ outputs }) as RunResult;

describe('predictions', () => {
  it.each<[what: string, body: string, shapes: number[][], echo: string, signature?: ModelSignature]>([
    ['whole tensors', '[[1,2],[3,4]]', [[2, 2]], '[[1.0,2.0],[3.0,4.0]]'],
    ['one row', '[1,2]', [[1, 2]], '[1.0,2.0]'],
    ['by name', '{"x":[[1,2]]}', [[1, 2]], '[[1.0,2.0]]'],
    ['a row by name', '{"x":[1,2]}', [[1, 2]], '[1.0,2.0]'],
    ['several rows of several', '{"x":[[1,2]],"tag":["a"]}', [[1, 2], [1]], '{"x":[[1.0,2.0]],"tag":["a"]}', two],
    ['a row of several', '{"tag":"a","x":[1,2]}', [[1, 2], [1]], '{"x":[1.0,2.0],"tag":"a"}', two],
    ["KServe's envelope", '{"instances":[[1,2],[3,4]]}', [[2, 2]], '{"predictions":[[1.0,2.0],[3.0,4.0]]}'],
    ['an input called instances', '{"instances":[1,2]}', [[1, 2]], '[1.0,2.0]', signatureOf(spec('instances'))],
    ['no rows', '[]', [[0, 2]], '[]'],
    ['NaN', '[NaN,-Infinity]', [[1, 2]], '[NaN,-Infinity]'],
    ['a scalar row', '7', [[1]], '7', signatureOf(spec('n', 'int64', ['batch']))],
  ])('%s', (_what, body, shapes, echo, signature) => {
    const { inputs, write } = read(body, signature);
    expect(Object.values(inputs).map(({ shape }) => shape)).toEqual(shapes);
    expect(write(resultOf(inputs))).toBe(echo);
  });

  it('rows are not guessed where requests are not joined', () => {
    const fixed = { ...signatureOf(spec('x', 'float32', [1, 2])), batchAxis: null };
    expect(read('[1,2]', fixed).inputs.x?.shape).toEqual([2]);
  });

  it.each<[what: string, body: string, field: string, signature?: ModelSignature]>([
    ['a list for several inputs', '[[1,2]]', 'the body', two],
    ['an input that is missing', '{"x":[1,2]}', 'tag', two],
    ['an input that there is not', '{"z":[1,2]}', 'the body'],
    ['rows beside whole tensors', '{"x":[[1,2]],"tag":"a"}', 'tag', two],
    ['whole tensors beside rows', '{"x":[1,2],"tag":["a"]}', 'tag', two],
    ['ragged arrays', '[[1,2],[3]]', 'x.data'],
    ['bytes of another protocol', '{"b64":"AA=="}', 'the body'],
    ['null', 'null', 'x.data[0]'],
    ['arrays past any rank', `${'['.repeat(40)}${']'.repeat(40)}`, 'x'],
  ])('%s: refused', (_what, body, field, signature) => {
    let error: FairleadError | undefined;
    try {
      read(body, signature);
    } catch (thrown) {
      error = thrown as FairleadError;
    }
    expect(error).toMatchObject({ code: 'INVALID_INPUT', details: { field } });
  });

  it('answers come back as they went', () => {
    const row = fc.array(fc.float(), { minLength: 2, maxLength: 2 });
    const property = fc.property(
      fc.array(row, { maxLength: 4 }),
      fc.array(fc.string(), { maxLength: 4 }),
      (rows, tags) => {
        const outputs: Tensors = {
          x: f32([rows.length, 2], ...rows.flat()),
          tag: { dtype: 'string', shape: [tags.length], data: tags },
        };
        const back = readJson(encodeAnswer(two.outputs, outputs, false), (message) =>
          readTensors(message, two.outputs, 100),
        );
        expect({ ...back }).toEqual(outputs);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});
