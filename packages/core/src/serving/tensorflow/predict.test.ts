import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { allocateData, type DType, dtypes } from '../../tensor/dtype';
import { readJson } from '../../tensor/json/lenient-json';
import { elementCount, type Tensor, type Tensors } from '../../tensor/tensor';
import { compilePredictDecoder, decodePredictions, encodePredictions, encodePredictRequest } from './predict';

const spec = (name: string, dtype: DType = 'float32', shape: TensorSpec['shape'] = ['batch', 2]): TensorSpec => ({
  name,
  dtype,
  shape,
});
const signatureOf = (inputs: TensorSpec[], outputs: TensorSpec[] = inputs): ModelSignature => ({
  inputs,
  outputs,
  batchAxis: 0,
});

const one = signatureOf([spec('x')]);
const two = signatureOf([spec('x'), spec('tag', 'string', ['batch'])]);
const read = (text: string, signature = one, maxElements = 1000) =>
  readJson(text, compilePredictDecoder(signature, maxElements));

const f32 = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const text = (shape: number[], ...values: string[]): Tensor => ({ dtype: 'string', shape, data: values });

describe('predict requests', () => {
  it.each<[what: string, body: string, format: string, inputs: Tensors, signature?: ModelSignature]>([
    ['rows of one input', '{"instances":[[1,2],[3,4]]}', 'row', { x: f32([2, 2], 1, 2, 3, 4) }],
    ['rows of one input by name', '{"instances":[{"x":[1,2]},{"x":[3,4]}]}', 'row', { x: f32([2, 2], 1, 2, 3, 4) }],
    [
      'rows of several inputs, in any order of names',
      '{"signature_name":"serving_default","instances":[{"x":[1,2],"tag":"a"},{"tag":"b","x":[3,4]}]}',
      'row',
      { x: f32([2, 2], 1, 2, 3, 4), tag: text([2], 'a', 'b') },
      two,
    ],
    [
      'a column without a name',
      '{"inputs":[[1,2],[3,4]],"signature_name":""}',
      'column',
      { x: f32([2, 2], 1, 2, 3, 4) },
    ],
    [
      'columns by name',
      '{"inputs":{"x":[[1,2]],"tag":["a"]}}',
      'column',
      { x: f32([1, 2], 1, 2), tag: text([1], 'a') },
      two,
    ],
    [
      'bare tokens as Python writes them',
      '{"instances": [[NaN, Infinity], [-Infinity, -0.0]]}',
      'row',
      { x: f32([2, 2], Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0) },
    ],
    [
      'bytes in base64, alone and by name',
      '{"instances":[{"b64":"ZsO2bw=="},"bar"]}',
      'row',
      { s: text([2], 'föo', 'bar') },
      signatureOf([spec('s', 'string', ['batch'])]),
    ],
    [
      'bytes as the whole of a column',
      '{"inputs":{"b64":"Zm9v"}}',
      'column',
      { s: text([], 'foo') },
      signatureOf([spec('s', 'string', [])]),
    ],
    [
      'integers past 2^53',
      '{"instances":[9007199254740993,-9223372036854775808]}',
      'row',
      { n: { dtype: 'int64', shape: [2], data: BigInt64Array.of(9007199254740993n, -9223372036854775808n) } },
      signatureOf([spec('n', 'int64', ['batch'])]),
    ],
    ['a scalar', '{"inputs":3}', 'column', { x: f32([], 3) }, signatureOf([spec('x', 'float32', [])])],
    ['no rows, with the axes of the signature', '{"inputs":[]}', 'column', { x: f32([0, 2]) }],
    ['rows without elements', '{"instances":[[],[]]}', 'row', { x: f32([2, 0]) }],
    [
      'names that Object has',
      '{"inputs":{"__proto__":[[1,2]],"constructor":[[3,4]]}}',
      'column',
      JSON.parse('{"__proto__":1,"constructor":2}', (_key, value) =>
        value === 1 ? f32([1, 2], 1, 2) : value === 2 ? f32([1, 2], 3, 4) : value,
      ) as Tensors,
      signatureOf([spec('__proto__'), spec('constructor')]),
    ],
  ])('%s', (_what, body, format, inputs, signature) => {
    const request = read(body, signature);
    expect(request.format).toBe(format);
    expect(Object.entries(request.inputs)).toEqual(Object.entries(inputs));
  });

  it.each<[what: string, body: string, code: string, field: string, signature?: ModelSignature]>([
    ['no JSON', '{"instances":', 'PROTOCOL_ERROR', ''],
    ['a list', '[]', 'INVALID_INPUT', 'the body'],
    ['null', 'null', 'INVALID_INPUT', 'the body'],
    ['neither format', '{}', 'INVALID_INPUT', 'the body'],
    ['both formats', '{"instances":[[1,2]],"inputs":[[1,2]]}', 'INVALID_INPUT', 'the body'],
    ['no instances', '{"instances":[]}', 'INVALID_INPUT', 'instances'],
    ['instances that are no list', '{"instances":{"x":[1,2]}}', 'INVALID_INPUT', 'instances'],
    ['another signature', '{"instances":[[1,2]],"signature_name":"other"}', 'INVALID_INPUT', 'signature_name'],
    ['a signature that is no name', '{"instances":[[1,2]],"signature_name":7}', 'INVALID_INPUT', 'signature_name'],
    ['rows of several inputs without names', '{"instances":[[1,2]]}', 'INVALID_INPUT', 'instances', two],
    ['columns of several inputs without names', '{"inputs":[[1,2]]}', 'INVALID_INPUT', 'inputs', two],
    ['an object after lists', '{"instances":[[1,2],{"x":[1,2]}]}', 'INVALID_INPUT', 'instances[1]'],
    ['a list after objects', '{"instances":[{"x":[1,2]},[1,2]]}', 'INVALID_INPUT', 'instances[1]'],
    ['an instance that lacks an input', '{"instances":[{"x":[1,2]}]}', 'INVALID_INPUT', 'instances[0].tag', two],
    ['an instance with one too many', '{"instances":[{"x":[1,2],"z":1}]}', 'INVALID_INPUT', 'instances[0]'],
    ['a missing column', '{"inputs":{"x":[[1,2]]}}', 'INVALID_INPUT', 'inputs.tag', two],
    ['an unknown column', '{"inputs":{"x":[[1,2]],"z":1}}', 'INVALID_INPUT', 'inputs'],
    ['ragged rows', '{"instances":[[1,2],[3]]}', 'INVALID_INPUT', 'x.data'],
    ['rows nested deeper than the first', '{"instances":[[1,2],[[3],4]]}', 'INVALID_INPUT', 'x.data[2]'],
    ['a value among rows', '{"instances":[[1,2],3]}', 'INVALID_INPUT', 'x.data'],
    ['elements where the first row has none', '{"instances":[[],[1]]}', 'INVALID_INPUT', 'x'],
    ['a string among floats', '{"instances":[[1,"2.5"]]}', 'INVALID_INPUT', 'x.data[1]'],
    ['null among floats', '{"instances":[[1,null]]}', 'INVALID_INPUT', 'x.data[1]'],
    ['bytes among floats', '{"instances":[[{"b64":"AA=="},1]]}', 'INVALID_INPUT', 'x.data[0]'],
    ['a float out of range', '{"instances":[[1e39,1]]}', 'INVALID_INPUT', 'x.data[0]'],
    [
      'bytes that are no base64',
      '{"instances":[{"b64":"?"}]}',
      'INVALID_INPUT',
      's.b64',
      signatureOf([spec('s', 'string', ['batch'])]),
    ],
    [
      'bytes that are no UTF-8',
      '{"instances":[{"b64":"/w=="}]}',
      'INVALID_INPUT',
      's.b64',
      signatureOf([spec('s', 'string', ['batch'])]),
    ],
    [
      'bytes with something else',
      '{"instances":[["a",{"b64":"Zm9v","x":1}]]}',
      'INVALID_INPUT',
      's.data[1]',
      signatureOf([spec('s', 'string', ['batch', 2])]),
    ],
    ['too many elements', `{"instances":[${'[1,2],'.repeat(500)}[1,2]]}`, 'LIMIT_EXCEEDED', 'x.shape'],
    [
      'a first row that makes the others long',
      `{"instances":[[${'1,'.repeat(99)}1]${',[]'.repeat(20)}]}`,
      'LIMIT_EXCEEDED',
      'x.shape',
    ],
    ['arrays past any rank', `{"inputs":${'['.repeat(40)}${']'.repeat(40)}}`, 'INVALID_INPUT', 'x'],
    ['arrays of a great depth', `{"inputs":[1,${'['.repeat(5000)}${']'.repeat(5000)}]}`, 'INVALID_INPUT', 'x.data[1]'],
    [
      'strings of a great depth',
      `{"inputs":["a",${'['.repeat(5000)}${']'.repeat(5000)}]}`,
      'INVALID_INPUT',
      's.data[1]',
      signatureOf([spec('s', 'string', ['batch'])]),
    ],
    [
      'an integer with a fraction',
      '{"instances":[1.5]}',
      'INVALID_INPUT',
      'n.data[0]',
      signatureOf([spec('n', 'int64', ['batch'])]),
    ],
    [
      'an integer past 64 bits',
      '{"instances":[9223372036854775808]}',
      'INVALID_INPUT',
      'n.data[0]',
      signatureOf([spec('n', 'int64', ['batch'])]),
    ],
  ])('%s is refused', (_what, body, code, field, signature) => {
    let error: FairleadError | undefined;
    try {
      read(body, signature);
    } catch (thrown) {
      error = thrown as FairleadError;
    }
    expect(error).toMatchObject({ code });
    expect(error?.details.field ?? '').toBe(field);
    expect(error?.message.length).toBeLessThan(400);
  });
});

describe('predict answers', () => {
  const y = spec('y');
  const write = (specs: TensorSpec[], outputs: Tensors, format: 'row' | 'column' = 'row') =>
    encodePredictions(specs, outputs, format);

  it('one output goes without its name, several by name', () => {
    const outputs = { y: f32([2, 2], 0.5, 1, 2.25, -3), tag: text([2], 'a', 'b') };
    const tag = spec('tag', 'string', ['batch']);
    expect(write([y], outputs)).toBe('{"predictions":[[0.500000000,1.0],[2.2500000,-3.0]]}');
    expect(write([y], outputs, 'column')).toBe('{"outputs":[[0.500000000,1.0],[2.2500000,-3.0]]}');
    expect(JSON.parse(write([y, tag], outputs))).toEqual({
      predictions: [
        { y: [0.5, 1], tag: 'a' },
        { y: [2.25, -3], tag: 'b' },
      ],
    });
    expect(JSON.parse(write([y, tag], outputs, 'column'))).toEqual({
      outputs: {
        y: [
          [0.5, 1],
          [2.25, -3],
        ],
        tag: ['a', 'b'],
      },
    });
  });

  it('floats are told from integers, and NaN and the infinities are bare', () => {
    const special = f32([7], Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 16777220, 1e30, 0.1);
    expect(write([y], { y: special })).toMatch(
      /^\{"predictions":\[NaN,Infinity,-Infinity,-0\.0,16777220\.0,1\.0\d*e\+30,0\.1\d*\]\}$/,
    );
    const half: Tensor = { dtype: 'float16', shape: [3], data: Uint16Array.of(0x7e00, 0x3c00, 0x3800) };
    expect(write([y], { y: half })).toBe('{"predictions":[NaN,1.0,0.500000000]}');
    const long: Tensor = { dtype: 'int64', shape: [2], data: BigInt64Array.of(9007199254740993n, -1n) };
    expect(write([y], { y: long })).toBe('{"predictions":[9007199254740993,-1]}');
    const flags: Tensor = { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) };
    expect(write([y], { y: flags })).toBe('{"predictions":[true,false]}');
  });

  it('strings are text, or bytes where the name says so', () => {
    const bytes = { raw_bytes: text([2], 'föo', '"'), raw: text([2], 'NaN', '3') };
    expect(write([spec('raw_bytes', 'string')], bytes)).toBe('{"predictions":[{"b64":"ZsO2bw=="},{"b64":"Ig=="}]}');
    expect(write([spec('raw', 'string')], bytes)).toBe('{"predictions":["NaN","3"]}');
  });

  it('deep and empty shapes keep their form', () => {
    expect(write([y], { y: f32([2, 1, 2, 1], 1, 2, 3, 4) })).toBe('{"predictions":[[[[1.0],[2.0]]],[[[3.0],[4.0]]]]}');
    expect(write([y], { y: f32([2, 0]) })).toBe('{"predictions":[[],[]]}');
    expect(write([y], { y: f32([0, 2]) })).toBe('{"predictions":[]}');
    expect(write([y], { y: f32([2, 0, 3]) })).toBe('{"predictions":[[],[]]}');
    expect(write([y], { y: f32([], 2) }, 'column')).toBe('{"outputs":2.0}');
  });

  it('outputs that have no rows cannot be listed', () => {
    for (const outputs of [{ y: f32([], 2) }, { y: f32([2], 1, 2), z: f32([1], 2) }]) {
      const specs = Object.keys(outputs).map((name) => spec(name));
      expect(() => write(specs, outputs)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      expect(() => write(specs, outputs, 'column')).not.toThrow();
    }
  });
});

/** A tensor of any dtype and shape, without empty axes in front of others: arrays cannot tell what lies in them. */
function tensorOf(dtype: DType, shape: readonly number[]): fc.Arbitrary<Tensor> {
  const count = elementCount(shape);
  const fill = <T>(element: fc.Arbitrary<T>) =>
    fc.array(element, { minLength: count, maxLength: count }).map((values) => {
      const data = allocateData(dtype, count) as unknown as T[];
      values.forEach((value, index) => {
        data[index] = value;
      });
      return { dtype, shape, data } as unknown as Tensor;
    });
  const integer = (bits: number, signed: boolean) =>
    signed
      ? fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
      : fc.integer({ min: 0, max: 2 ** bits - 1 });
  const notNaN = (bits: number) => (bits & 0x7c00) !== 0x7c00 || (bits & 0x03ff) === 0;
  switch (dtype) {
    case 'float32':
      return fill(fc.float());
    case 'float64':
      return fill(fc.double());
    case 'float16':
      return fill(integer(16, false).map((bits) => (notNaN(bits) ? bits : 0x7e00)));
    case 'int64':
      return fill(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    case 'uint64':
      return fill(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    case 'bool':
      return fill(fc.integer({ min: 0, max: 1 }));
    case 'string':
      return fill(fc.string({ unit: 'grapheme' }));
    default:
      return fill(integer(Number(/\d+/.exec(dtype)?.[0]), dtype.startsWith('int')));
  }
}

const shapeArbitrary = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 });

describe('there and back', () => {
  it.each(dtypes)('any tensor of %s, in every form, bit for bit', (dtype) => {
    const drawn = shapeArbitrary.chain((shape) => tensorOf(dtype, shape));
    const property = fc.property(drawn, fc.constantFrom('t', 't_bytes'), (tensor, name) => {
      const signature = signatureOf([spec(name, dtype, tensor.shape)]);
      const maxElements = 10_000;
      const request = read(encodePredictRequest(signature.inputs, [tensor], undefined), signature, maxElements);
      expect(request).toMatchObject({ format: 'column' });
      expect(request.inputs[name]).toEqual(tensor);
      const answer = encodePredictions(signature.outputs, request.inputs, 'column');
      expect(readJson(answer, (message) => decodePredictions(message, signature, maxElements))[name]).toEqual(tensor);
      if (tensor.shape.length === 0) return;
      const rows = encodePredictions(signature.outputs, request.inputs, 'row').replace('predictions', 'instances');
      expect(read(rows, signature, maxElements)).toMatchObject({ format: 'row', inputs: { [name]: tensor } });
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('several tensors of any types share their rows', () => {
    const drawn = fc
      .tuple(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(fc.constantFrom(...dtypes), shapeArbitrary), { minLength: 2, maxLength: 4 }),
      )
      .chain(([rows, kinds]) => fc.tuple(...kinds.map(([dtype, shape]) => tensorOf(dtype, [rows, ...shape.slice(1)]))));
    const property = fc.property(drawn, (tensors) => {
      const specs = tensors.map(({ dtype, shape }, index) => spec(`t${index}`, dtype, shape));
      const signature = signatureOf(specs);
      const named = Object.fromEntries(tensors.map((tensor, index) => [`t${index}`, tensor]));
      const rows = encodePredictions(specs, named, 'row').replace('predictions', 'instances');
      expect(Object.entries(read(rows, signature).inputs)).toEqual(Object.entries(named));
      const columns = encodePredictions(specs, named, 'column');
      const decoded = readJson(columns, (message) => decodePredictions(message, signature, 1000));
      expect(Object.entries(decoded)).toEqual(Object.entries(named));
    });
    fc.assert(property, { numRuns: 300 });
  });
});
