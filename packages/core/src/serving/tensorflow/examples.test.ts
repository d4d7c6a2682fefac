import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import type { DType } from '../../tensor/dtype';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../../tensor/tensor';
import {
  classifyOutputs,
  compileExamplesDecoder,
  encodeClassifications,
  encodeRegressions,
  regressOutput,
} from './examples';
import { classifySignatures } from './signature-names';

const spec = (name: string, dtype: DType = 'float32', shape: TensorSpec['shape'] = ['batch']): TensorSpec => ({
  name,
  dtype,
  shape,
});
const signatureOf = (inputs: TensorSpec[], outputs: TensorSpec[] = []): ModelSignature => ({
  inputs,
  outputs,
  batchAxis: 0,
});
const f32 = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const text = (shape: number[], ...values: string[]): Tensor => ({ dtype: 'string', shape, data: values });

const features = signatureOf([
  spec('age'),
  spec('tags', 'string', ['batch', 2]),
  spec('path', 'int64', ['batch', 'steps']),
]);
const read = (message: unknown, signature = features, maxElements = 100): Tensors =>
  readJson(JSON.stringify(message), compileExamplesDecoder(signature, maxElements, classifySignatures));
const example = { age: 3, tags: ['a', { b64: 'Yg==' }], path: [1, 2, 3] };

describe('examples', () => {
  it('are rows of features, scalar or in a list', () => {
    expect({ ...read({ examples: [example, { ...example, age: [4] }] }) }).toEqual({
      age: f32([2], 3, 4),
      tags: text([2, 2], 'a', 'b', 'a', 'b'),
      path: { dtype: 'int64', shape: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 1n, 2n, 3n) },
    });
  });

  it('share what the context has', () => {
    const { path, ...rest } = example;
    const inputs = read({ context: { path }, examples: [rest, rest], signature_name: 'tensorflow/serving/classify' });
    expect(inputs.path?.shape).toEqual([2, 3]);
  });

  it('a list is folded to the axes of its input', () => {
    const signature = signatureOf([spec('x', 'float32', ['batch', 2, 'n'])]);
    expect(read({ examples: [{ x: [1, 2, 3, 4] }] }, signature).x).toEqual(f32([1, 2, 2], 1, 2, 3, 4));
  });

  it.each<[what: string, message: unknown, code: string, field: string, signature?: ModelSignature]>([
    ['a list', [], 'INVALID_INPUT', 'the body'],
    ['no examples', { examples: [] }, 'INVALID_INPUT', 'examples'],
    ['examples that are no list', { examples: example }, 'INVALID_INPUT', 'examples'],
    ['instances', { instances: [example] }, 'INVALID_INPUT', 'examples'],
    ['an example that is no object', { examples: [[1]] }, 'INVALID_INPUT', 'examples[0]'],
    ['a context that is no object', { examples: [example], context: [1] }, 'INVALID_INPUT', 'context'],
    [
      'another signature',
      { examples: [example], signature_name: 'tensorflow/serving/regress' },
      'INVALID_INPUT',
      'signature_name',
    ],
    [
      'a feature that is missing',
      { examples: [example, { age: 1, tags: ['a', 'b'] }] },
      'INVALID_INPUT',
      'examples[1].path',
    ],
    ['a feature that no input is', { examples: [{ ...example, sex: 'f' }] }, 'INVALID_INPUT', 'examples[0]'],
    ['a shared feature that no input is', { examples: [example], context: { sex: 'f' } }, 'INVALID_INPUT', 'context'],
    ['a feature in both', { examples: [example], context: { age: 3 } }, 'INVALID_INPUT', 'examples[0].age'],
    [
      'a list of another length than the input',
      { examples: [{ ...example, tags: ['a'] }] },
      'INVALID_INPUT',
      'examples[0].tags',
    ],
    [
      'a list of another length than the first',
      { examples: [example, { ...example, path: [1] }] },
      'INVALID_INPUT',
      'examples[1].path',
    ],
    ['nested lists', { examples: [{ ...example, path: [[1], [2]] }] }, 'INVALID_INPUT', 'path.data[0]'],
    ['null', { examples: [{ ...example, age: null }] }, 'INVALID_INPUT', 'age.data[0]'],
    ['a string for a number', { examples: [{ ...example, age: 'three' }] }, 'INVALID_INPUT', 'age.data[0]'],
    ['too many elements', { examples: [{ ...example, path: new Array(101).fill(1) }] }, 'LIMIT_EXCEEDED', 'path.shape'],
    [
      'a long context for many examples',
      { examples: new Array(30).fill({ age: 1, tags: ['a', 'b'] }), context: { path: new Array(50).fill(1) } },
      'LIMIT_EXCEEDED',
      'path.shape',
    ],
    [
      'an input with two open sizes',
      { examples: [{ x: [1] }] },
      'INVALID_INPUT',
      'examples[0].x',
      signatureOf([spec('x', 'float32', ['batch', 'm', 'n'])]),
    ],
  ])('%s is refused', (_what, message, code, field, signature) => {
    let error: FairleadError | undefined;
    try {
      read(message, signature);
    } catch (thrown) {
      error = thrown as FairleadError;
    }
    expect(error).toMatchObject({ code, details: { field } });
  });
});

describe('classifications', () => {
  const classes = spec('classes', 'string', ['batch', 2]);
  const scores = spec('scores', 'float32', ['batch', 2]);

  it('are pairs of label and score', () => {
    const outputs = { classes: text([2, 2], 'cat', 'dog', 'cat', 'dog'), scores: f32([2, 2], 0.25, 1, Number.NaN, 0) };
    const found = classifyOutputs(signatureOf([], [scores, classes, spec('more')]));
    expect(encodeClassifications(found, outputs)).toBe(
      '{"results":[[["cat",0.250000000],["dog",1.0]],[["cat",NaN],["dog",0.0]]]}',
    );
  });

  it('lack what the model lacks', () => {
    const onlyScores = classifyOutputs(signatureOf([], [spec('p', 'float32', ['batch', 2]), spec('label', 'int64')]));
    expect(encodeClassifications(onlyScores, { p: f32([1, 2], 0.5, 0.5) })).toBe(
      '{"results":[[["",0.500000000],["",0.500000000]]]}',
    );
    const onlyClasses = classifyOutputs(signatureOf([], [spec('name', 'string')]));
    expect(encodeClassifications(onlyClasses, { name: text([2], 'a', 'b') })).toBe(
      '{"results":[[["a",0.0]],[["b",0.0]]]}',
    );
  });

  it('need outputs that can be told apart, and agree', () => {
    for (const outputs of [[], [spec('a'), spec('b')], [spec('n', 'int64')], [spec('x', 'float32', ['batch', 2, 3])]]) {
      expect(() => classifyOutputs(signatureOf([], outputs))).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
    const outputs = { classes: text([1, 2], 'a', 'b'), scores: f32([1, 3], 1, 2, 3) };
    expect(() => encodeClassifications({ scores, classes }, outputs)).toThrow(
      expect.objectContaining({ code: 'OUTPUT_INVALID' }),
    );
  });
});

describe('regressions', () => {
  it('are one value each', () => {
    const found = regressOutput(signatureOf([], [spec('label', 'int64'), spec('y', 'float32', ['batch', 1])]));
    expect(encodeRegressions(found, { y: f32([3, 1], 3.5, 4, Number.NEGATIVE_INFINITY) })).toBe(
      '{"results":[3.5000000,4.0,-Infinity]}',
    );
    const named = regressOutput(signatureOf([], [spec('a'), spec('outputs')]));
    expect(named.name).toBe('outputs');
  });

  it('need an output of one value', () => {
    for (const outputs of [[], [spec('a'), spec('b')], [spec('x', 'float32', ['batch', 2])], [spec('n', 'int64')]]) {
      expect(() => regressOutput(signatureOf([], outputs))).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
    expect(() => encodeRegressions(spec('y', 'float32', ['batch', 'n']), { y: f32([1, 2], 1, 2) })).toThrow(
      expect.objectContaining({ code: 'OUTPUT_INVALID' }),
    );
  });
});
