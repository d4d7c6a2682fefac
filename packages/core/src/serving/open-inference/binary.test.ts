import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRunner } from '../../runner/create-runner';
import type { ModelSignature } from '../../signature';
import { allocateData, bytesPerElement, type DType, dtypes, type NumericDType, viewData } from '../../tensor/dtype';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { createMockBackend, mockModel } from '../../testing';
import { thrownBy } from '../../testing/test-kit.fixture';
import { createHandler } from '../handler';
import { createBinaryReader, joinBody, splitBody, toBinary } from './binary';

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const signatureOf = (dtype: DType): ModelSignature => {
  const spec = { name: 'x', dtype, shape: ['batch', 2] };
  return { inputs: [spec], outputs: [spec], batchAxis: 0 };
};

/** Any bits, those of every NaN among them. */
function anyTensor(dtype: DType): fc.Arbitrary<Tensor> {
  return fc.integer({ min: 1, max: 6 }).chain((rows) => {
    const shape = [rows, 2];
    if (dtype === 'string') {
      const text = fc.string({ unit: 'grapheme' });
      return fc.array(text, { minLength: rows * 2, maxLength: rows * 2 }).map((data) => ({ dtype, shape, data }));
    }
    const size = rows * 2 * bytesPerElement(dtype);
    const byte = fc.integer({ min: 0, max: dtype === 'bool' ? 1 : 255 });
    return fc.array(byte, { minLength: size, maxLength: size }).map(
      (bytes) =>
        ({
          dtype,
          shape,
          data: viewData(dtype as NumericDType, Uint8Array.from(bytes).buffer, 0, rows * 2),
        }) as Tensor,
    );
  });
}

test.each(dtypes)('%s: bytes there and back, bit for bit, from any place', (dtype) => {
  fc.assert(
    fc.property(anyTensor(dtype), fc.integer({ min: 0, max: 9 }), (tensor, before) => {
      const bytes = toBinary(tensor);
      const shifted = new Uint8Array(before + bytes.byteLength);
      shifted.set(bytes, before);
      const reader = createBinaryReader(shifted.subarray(before));
      const back = reader.read(dtype, tensor.shape, bytes.byteLength, 'x');
      reader.end();
      expect(toBinary(back)).toEqual(bytes);
      expect(back.shape).toEqual(tensor.shape);
    }),
    { numRuns: 50 },
  );
});

test('of memory that nobody else has, tensors are views where they may begin there, and the same as copies', () => {
  const tensors = fc.array(
    fc.constantFrom(...dtypes).chain((dtype) => anyTensor(dtype)),
    { minLength: 1, maxLength: 5 },
  );
  let views = 0;
  fc.assert(
    fc.property(tensors, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 9 }), (given, before, outside) => {
      const parts = given.map(toBinary);
      const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
      const memory = new Uint8Array(outside + before + size).fill(255);
      let end = outside + before;
      for (const part of parts) {
        memory.set(part, end);
        end += part.byteLength;
      }
      const reader = createBinaryReader(memory.subarray(outside + before), before);
      const read = given.map(({ dtype, shape }, index) =>
        reader.read(dtype, shape, parts[index]?.byteLength, `x${index}`),
      );
      reader.end();
      // Not sooner, since each has to leave those before it alone.
      for (const [index, tensor] of read.entries()) {
        expect(toBinary(tensor)).toEqual(parts[index]);
        if (!Array.isArray(tensor.data) && tensor.data.buffer === memory.buffer) views++;
      }
      expect([...memory.subarray(0, outside)]).toEqual(new Array(outside).fill(255));
    }),
    { numRuns: 300 },
  );
  expect(views).toBeGreaterThan(100);
});

test('of memory that others may have, nothing is written to and nothing is kept', () => {
  const memory = new Uint8Array(3 + 8).fill(7);
  const { data } = createBinaryReader(memory.subarray(3)).read('float32', [2], 8, 'x');
  expect([...memory]).toEqual(new Array(11).fill(7));
  expect((data as Float32Array).buffer).not.toBe(memory.buffer);
});

describe('bad bytes', () => {
  const reading = (dtype: DType, shape: number[], size: unknown, bytes: Uint8Array) => () =>
    createBinaryReader(bytes).read(dtype, shape, size, 'x');

  test.each<[string, () => unknown, string]>([
    ['a size that is none', reading('float32', [2], -1, new Uint8Array(8)), 'a number of bytes'],
    ['a size that is no number', reading('float32', [2], '8', new Uint8Array(8)), 'a number of bytes'],
    ['more than there is', reading('float32', [2], 8, new Uint8Array(7)), 'at most the 7 bytes'],
    ['another size than the shape asks for', reading('float32', [3], 8, new Uint8Array(8)), '12 bytes for shape [3]'],
    ['a shape past all limits', reading('float32', [2 ** 52, 4], 8, new Uint8Array(8)), 'Infinity bytes'],
    ['booleans that are none', reading('bool', [2], 2, Uint8Array.of(1, 2)), '0 or 1'],
    ['strings without lengths', reading('string', [2 ** 40], 8, new Uint8Array(8)), '4 bytes each'],
    [
      'strings that end too soon',
      reading('string', [2], 9, Uint8Array.of(1, 0, 0, 0, 65, 9, 0, 0, 0)),
      'so many bytes',
    ],
    ['strings that are no UTF-8', reading('string', [1], 5, Uint8Array.of(1, 0, 0, 0, 255)), 'UTF-8'],
    [
      'bytes behind the strings',
      reading('string', [1], 6, Uint8Array.of(1, 0, 0, 0, 65, 66)),
      '5 bytes for 1 elements',
    ],
    ['bytes that belong to nobody', () => createBinaryReader(new Uint8Array(1)).end(), 'given 1 bytes'],
    ['a length past the body', () => splitBody(new Uint8Array(3), '4'), 'at most the 3 of the body'],
    ['a length that is none', () => splitBody(new Uint8Array(3), '1e0'), 'a number of bytes of JSON'],
  ])('%s', (_what, call, message) => {
    expect(thrownBy(call, 'INVALID_INPUT').message).toContain(message);
  });
});

test('a body in a buffer of Node, which is a part of a larger one, is copied', () => {
  const pool = Buffer.alloc(64, 1);
  const body = pool.subarray(5, 13);
  const tensor = createBinaryReader(body).read('float32', [2], 8, 'x') as Tensor<'float32'>;
  expect(tensor.data.buffer.byteLength).toBe(8);
  pool.fill(0);
  expect(new Uint8Array(tensor.data.buffer)).toEqual(new Uint8Array(8).fill(1));
});

describe('served', () => {
  async function handlerOf(signature: ModelSignature = signatureOf('float32')) {
    const backend = createMockBackend({ signature, compute: (inputs): Tensors => ({ ...inputs }) });
    const runner = await createRunner({ model: mockModel('1'), backend, warmUp: false, logger });
    return createHandler(runner, { logger });
  }
  const infer = async (message: object, parts: Uint8Array[], headers: Record<string, string> = {}) => {
    const handle = await handlerOf();
    const { body, jsonLength } = joinBody(JSON.stringify(message), parts);
    const all = { 'inference-header-content-length': String(jsonLength), ...headers };
    return handle(new Request('http://t/v2/models/mock/infer', { method: 'POST', body, headers: all }));
  };
  const x = { name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } };
  const bits = Uint32Array.of(0x7fc12345, 0xff800001);
  const bytes = new Uint8Array(bits.buffer);

  test('tensors behind the JSON are taken, and answered so where that was asked for', async () => {
    const response = await infer({ inputs: [x], parameters: { binary_data_output: true } }, [bytes]);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    const body = new Uint8Array(await response.arrayBuffer());
    const { json, binary } = splitBody(body, response.headers.get('inference-header-content-length'));
    expect(JSON.parse(new TextDecoder().decode(json))).toMatchObject({
      outputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }],
    });
    expect(binary).toEqual(bytes);
  });

  test('a wish for one output counts before that for all', async () => {
    const outputs = [{ name: 'x', parameters: { binary_data: false } }];
    const values = new Uint8Array(Float32Array.of(1, 2).buffer);
    const response = await infer({ inputs: [x], outputs, parameters: { binary_data_output: true } }, [values]);
    expect(await response.json()).toMatchObject({ outputs: [{ data: [1, 2] }] });
  });

  test.each<[string, object, Uint8Array[], Record<string, string>, string]>([
    ['a size that does not fit', { inputs: [{ ...x, shape: [2, 2] }] }, [bytes], {}, '16 bytes for shape [2, 2]'],
    ['bytes that are left', { inputs: [x] }, [bytes, bytes], {}, '8 bytes behind the JSON'],
    ['too few bytes', { inputs: [x] }, [], {}, 'at most the 0 bytes'],
    ['a header that is none', { inputs: [x] }, [bytes], { 'inference-header-content-length': '-1' }, 'bytes of JSON'],
    ['a wish that is none', { inputs: [x], parameters: { binary_data_output: 1 } }, [bytes], {}, 'true or false'],
  ])('%s is refused', async (_what, message, parts, headers, expected) => {
    const response = await infer(message, parts, headers);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'INVALID_INPUT',
      error: expect.stringContaining(expected) as string,
    });
  });
});

test('allocations of every dtype are as many bytes as they say', () => {
  for (const dtype of dtypes) {
    if (dtype !== 'string')
      expect(toBinary({ dtype, shape: [3], data: allocateData(dtype, 3) } as Tensor)).toHaveLength(
        3 * bytesPerElement(dtype),
      );
  }
});
