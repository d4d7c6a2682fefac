import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelSignature } from '../../signature';
import { type DType, dtypes } from '../../tensor/dtype';
import { readTensorJson } from '../../tensor/json/tensor-json';
import { decodeText } from '../answer-body';
import { datatypeOf } from './datatypes';
import { createJsonRequestReader, type ReadJsonRequest } from './json-requests';
import { compileRequestDecoder, type InferRequest, type RequestDecoder } from './messages';

const utf8 = new TextEncoder();

function decoderOf(dtype: DType): RequestDecoder {
  const spec = { name: '__proto__', dtype, shape: ['batch', 'size'] };
  const signature: ModelSignature = { inputs: [spec], outputs: [{ ...spec, name: 'y' }], batchAxis: 0 };
  return compileRequestDecoder(signature, 100);
}

/** Counts how often a message was decoded. */
function counting(decode: RequestDecoder): { readonly read: ReadJsonRequest; decoded(): number } {
  let count = 0;
  const read = createJsonRequestReader((message) => {
    count++;
    return decode(message);
  });
  return { read, decoded: () => count };
}

function jsonOf(data: string, extra = '', dtype: DType = 'float32', shape = '[2,20]'): Uint8Array {
  const head = `"name":"__proto__","shape":${shape},"datatype":"${datatypeOf(dtype)}"`;
  return utf8.encode(`{${extra}"inputs":[{${head},"data":[${data}]}]}`);
}

/** All that a request says, or what was thrown. */
function outcomeOf(read: () => InferRequest): unknown {
  try {
    const { inputs, wantsBinary, classes, ...rest } = read();
    return { ...rest, inputs: Object.entries(inputs), wants: wantsBinary('y'), classes: [...classes] };
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message };
  }
}

const forty = Array.from({ length: 40 }, (_, index) => index);

describe('requests of which only the numbers are new', () => {
  it('are not parsed again but for these', () => {
    const { read, decoded } = counting(decoderOf('float32'));
    const extra = '"id":"a","parameters":{"timeout":5000,"priority":1},';
    const first = outcomeOf(() => read(jsonOf(forty.join(), extra)));
    expect(first).toMatchObject({ id: 'a', timeoutMs: 5, priority: 'high' });
    const halves = forty.map((value) => value / 2);
    const { id, inputs } = read(jsonOf(halves.join(', '), extra));
    expect([id, ...Object.entries(inputs)]).toEqual([
      'a',
      ['__proto__', { dtype: 'float32', shape: [2, 20], data: Float32Array.from(halves) }],
    ]);
    expect(Object.isFrozen(Object.entries(inputs)[0]?.[1].shape)).toBe(true);
    expect(decoded()).toBe(1);
  });

  it.each(dtypes)('come to what reading all of them comes to: %s', (dtype) => {
    const decode = decoderOf(dtype);
    const element = fc.oneof(
      { weight: 60, arbitrary: fc.integer({ min: 0, max: 100 }).map(String) },
      { weight: 20, arbitrary: fc.double({ min: -2, max: 300, noNaN: true }).map(String) },
      { weight: 1, arbitrary: fc.constantFrom('null', 'NaN', '"NaN"', 'true', '9007199254740993', '1e400', '[1]', '') },
    );
    const plain = fc.array(fc.integer({ min: 0, max: 100 }).map(String), { minLength: 40, maxLength: 40 });
    const step = fc.record({
      data: fc.oneof(plain, fc.array(element, { minLength: 38, maxLength: 41 })).map((elements) => elements.join()),
      extra: fc.constantFrom('', '', '', '"id":"[1,2",', '"id":7,', `"rest":[${forty}],`),
      shape: fc.constantFrom('[2,20]', '[2,20]', '[40]', '[2,-20]', '[200,20]'),
      change: fc.option(fc.record({ at: fc.nat(500), byte: fc.nat(255) }), { freq: 3, nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
        const { read } = counting(decode);
        for (const { data, extra, shape, change } of steps) {
          const json = jsonOf(data, extra, dtype, shape);
          if (change !== undefined) json[change.at % json.length] = change.byte;
          const expected = outcomeOf(() => readTensorJson(json, decodeText, decode));
          expect(outcomeOf(() => read(json))).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are read each anew where more than that may differ', () => {
    const { read, decoded } = counting(decoderOf('float32'));
    const nested = utf8.encode(
      `{"inputs":[{"name":"__proto__","shape":[2,40],"datatype":"FP32","data":[[${forty}],[${forty}]]}]}`,
    );
    for (const _ of [1, 2, 3]) read(nested);
    expect(decoded()).toBe(3);
    for (const _ of [1, 2, 3]) read(jsonOf('1,2', '', 'float32', '[1,2]'));
    expect(decoded()).toBe(6);
    for (const id of [1, 2, 3]) read(jsonOf(forty.join(), `"id":"${id}",`));
    expect(decoded()).toBe(9);
  });
});
