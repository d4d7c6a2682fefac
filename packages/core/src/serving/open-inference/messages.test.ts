import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelSignature } from '../../signature';
import { allocateData, type DType, dtypes, type NumericDType, viewData } from '../../tensor/dtype';
import { halfToNumber } from '../../tensor/float16';
import type { Tensor } from '../../tensor/tensor';
import { dtypeOf } from './datatypes';
import { readJson } from './lenient-json';
import { compileRequestDecoder, decodeInferResponse, encodeInferRequest, encodeInferResponse } from './messages';

const model = { name: 'm', version: '3', digest: 'abc' };

function signatureOf(dtype: DType): ModelSignature {
  const spec = { name: 'x', dtype, shape: ['batch', 'size'] };
  return { inputs: [spec], outputs: [spec], batchAxis: 0 };
}

/** Tensors of random shape whose elements are random bits, so that every value of the type can come. */
function tensorOf(dtype: DType): fc.Arbitrary<Tensor> {
  const shape = fc.tuple(fc.nat(4), fc.nat(5));
  return shape.chain(([rows, size]) => {
    const length = rows * size;
    if (dtype === 'string') {
      return fc
        .array(fc.string({ unit: 'binary' }), { minLength: length, maxLength: length })
        .map((data) => ({ dtype, shape: [rows, size], data }) as Tensor);
    }
    const bytes = allocateData(dtype, length).byteLength;
    return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((random) => {
      const data = viewData(dtype as NumericDType, random.slice().buffer, 0, length);
      if (dtype === 'bool') for (let index = 0; index < length; index++) data[index] = Number(data[index]) & 1;
      return { dtype, shape: [rows, size], data } as Tensor;
    });
  });
}

/** NaNs are equal whatever their bits, which JSON does not carry; everything else must be the same, -0 too. */
function sameElement(dtype: DType, left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  return (
    dtype === 'float16' && Number.isNaN(halfToNumber(left as number)) && Number.isNaN(halfToNumber(right as number))
  );
}

function expectSame(given: Tensor | undefined, expected: Tensor): void {
  expect(given?.dtype).toBe(expected.dtype);
  expect(given?.shape).toEqual(expected.shape);
  expect(given?.data.length).toBe(expected.data.length);
  for (let index = 0; index < expected.data.length; index++) {
    if (!sameElement(expected.dtype, given?.data[index], expected.data[index])) {
      expect.fail(`element ${index}: ${String(given?.data[index])} instead of ${String(expected.data[index])}`);
    }
  }
}

describe('infer messages', () => {
  it.each(dtypes)('carry any %s tensor there and back', (dtype) => {
    const signature = signatureOf(dtype);
    const decodeRequest = compileRequestDecoder(signature, 1000);
    fc.assert(
      fc.property(tensorOf(dtype), (tensor) => {
        const request = encodeInferRequest(signature.inputs, [tensor], { id: 'i"1', timeoutMs: 2.5, priority: 'high' });
        const read = readJson(request, decodeRequest);
        expectSame(read.inputs.x, tensor);
        expect(read).toMatchObject({ id: 'i"1', timeoutMs: 2.5, priority: 'high' });

        const response = encodeInferResponse('served', model, 'i"1', ['x'], { x: tensor });
        const answer = readJson(response, (message) => decodeInferResponse(message, signature, 1000));
        expectSame(answer.outputs.x, tensor);
        expect(answer).toMatchObject({ modelVersion: '3', digest: 'abc' });
      }),
      { numRuns: 200 },
    );
  });

  it('are JSON that any parser reads, whatever the floats', () => {
    const data = Float32Array.of(
      Number.NaN,
      1,
      -0,
      0.1,
      1e-40,
      3.4e38,
      150.12345,
      -199.99999,
      0.999999999,
      Number.NEGATIVE_INFINITY,
    );
    const tensor: Tensor = { dtype: 'float32', shape: [10], data };
    const text = encodeInferResponse('m', model, undefined, ['y'], { y: tensor });
    const values = (JSON.parse(text) as { outputs: { data: (number | string)[] }[] }).outputs[0]?.data ?? [];
    expect(values[0]).toBe('NaN');
    expect(values[9]).toBe('-Infinity');
    expect(Float32Array.from(values, Number)).toEqual(data);
  });

  it('print float32 with the digits it takes, not those of its double', () => {
    const magnitude = fc.float({ min: Math.fround(1 / 64), max: Math.fround(199), noNaN: true });
    const floats = fc.tuple(magnitude, fc.boolean()).map(([value, negative]) => (negative ? -value : value));
    fc.assert(
      fc.property(fc.array(floats, { minLength: 20, maxLength: 20 }), (values) => {
        const tensor: Tensor = { dtype: 'float32', shape: [20], data: Float32Array.from(values) };
        const text = encodeInferRequest([{ name: 'x', dtype: 'float32', shape: [20] }], [tensor], {});
        const digits = /"data":\[(.*?)\]/.exec(text)?.[1]?.split(',') ?? [];
        for (const printed of digits) expect(printed.length).toBeLessThanOrEqual(13);
        expect(Float32Array.from(digits, Number)).toEqual(tensor.data);
      }),
    );
  });

  it('names every datatype of the protocol once', () => {
    const names = 'BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES'.split(' ');
    expect(new Set(names.map(dtypeOf)).size).toBe(dtypes.length);
    expect(dtypeOf('FP8')).toBeUndefined();
    expect(dtypeOf('constructor')).toBeUndefined();
  });

  it('understand null as NaN in an answer, and refuse it in a request', () => {
    const signature = signatureOf('float32');
    const x = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [null, 1] };
    expect(decodeInferResponse({ outputs: [x] }, signature, 10).outputs.x?.data).toEqual(
      Float32Array.of(Number.NaN, 1),
    );
    expect(() => compileRequestDecoder(signature, 10)({ inputs: [x] })).toThrow('x.data[0]: expected a number');
  });
});
