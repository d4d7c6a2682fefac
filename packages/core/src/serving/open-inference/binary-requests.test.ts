import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelSignature } from '../../signature';
import { readTensorJson } from '../../tensor/json/tensor-json';
import { decodeText } from '../answer-body';
import { createBinaryRequestReader, type ReadBinaryRequest } from './binary-requests';
import { compileRequestDecoder, type InferRequest } from './messages';

const signature: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 2] },
    { name: '__proto__', dtype: 'string', shape: ['batch'] },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
  batchAxis: 0,
};
const decode = compileRequestDecoder(signature, 100);
const utf8 = new TextEncoder();

/** Counts how often a message was decoded. */
function counting(): { readonly read: ReadBinaryRequest; decoded(): number } {
  let count = 0;
  const read = createBinaryRequestReader((message, binary) => {
    count++;
    return decode(message, binary);
  });
  return { read, decoded: () => count };
}

function jsonOf(extra: object = {}, size = 8): Uint8Array {
  const inputs = [
    { name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: size } },
    { name: '__proto__', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: 5 } },
  ];
  return utf8.encode(JSON.stringify({ ...extra, inputs }));
}
const binary = Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64, 1, 0, 0, 0, 65);

/** All that a request says, or what was thrown. */
function outcomeOf(read: () => InferRequest): unknown {
  try {
    const { inputs, wantsBinary, classes, ...rest } = read();
    return { ...rest, inputs: Object.entries(inputs), wants: wantsBinary('y'), classes: [...classes] };
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message };
  }
}

describe('requests whose JSON was seen before', () => {
  it('have views of a body that is their own, which is read as any other', () => {
    for (const id of ['a', 'ab', 'abc', 'abcd']) {
      const { read, decoded } = counting();
      const json = jsonOf({ id });
      const outcomes = [false, true, true, true].map((isOwn) => {
        const body = new Uint8Array([...json, ...binary]);
        const [head, rest] = [body.subarray(0, json.length), body.subarray(json.length)];
        const request = read(head, rest, isOwn);
        const { data } = request.inputs.x as { data: Float32Array };
        return [data.buffer === body.buffer, outcomeOf(() => request)];
      });
      expect(outcomes.map(([isView]) => isView)).toEqual([false, true, true, true]);
      for (const [, outcome] of outcomes) expect(outcome).toEqual(outcomes[0]?.[1]);
      expect(decoded()).toBe(1);
    }
  });

  it('are not parsed again, and have the tensors that come with them', () => {
    const { read, decoded } = counting();
    const json = jsonOf({ id: 'a', parameters: { timeout: 5000, priority: 1, binary_data_output: true } });
    const first = outcomeOf(() => read(json, binary));
    expect(first).toMatchObject({ id: 'a', timeoutMs: 5, priority: 'high', wants: true });
    expect(outcomeOf(() => read(json.slice(), binary))).toEqual(first);
    const other = binary.slice();
    other[12] = 66;
    const { inputs } = read(json, other);
    expect(Object.entries(inputs).map(([name, { data }]) => [name, [...data]])).toEqual([
      ['x', [1, 2]],
      ['__proto__', ['B']],
    ]);
    expect(decoded()).toBe(1);
  });

  it('come to what decoding them comes to, whatever is changed of JSON and bytes', () => {
    const bytes = [jsonOf(), jsonOf({ id: '\u00e9' }), jsonOf({ outputs: [{ name: 'y' }] }), jsonOf({}, 7)];
    const change = fc.record({ at: fc.nat(400), byte: fc.nat(255) });
    const step = fc.record({
      json: fc.constantFrom(...bytes),
      change: fc.option(change, { freq: 3, nil: undefined }),
      size: fc.constantFrom(13, 13, 13, 12, 14, 0),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 4, maxLength: 30 }), (steps) => {
        const { read } = counting();
        for (const { json: whole, change: made, size } of steps) {
          const json = whole.slice();
          if (made !== undefined) json[made.at % json.length] = made.byte;
          const data = new Uint8Array(size);
          data.set(binary.subarray(0, size));
          const expected = outcomeOf(() => readTensorJson(json, decodeText, (message) => decode(message, data)));
          expect(outcomeOf(() => read(json, data))).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('do not become valid by having been read', () => {
    const { read } = counting();
    const long = new Array(40).fill('1,').join('');
    const json = utf8.encode(`{"rest":[${long}],${new TextDecoder().decode(jsonOf()).slice(1)}`);
    for (const _ of [1, 2]) expect(() => read(json, binary)).toThrow(/no JSON/);
  });

  it('are read each anew where part of the tensors is JSON', () => {
    const { read, decoded } = counting();
    const inputs = [
      { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
      { name: '__proto__', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: 5 } },
    ];
    const json = utf8.encode(JSON.stringify({ inputs }));
    for (const _ of [1, 2, 3]) expect(read(json, binary.slice(8)).inputs.x?.data).toEqual(Float32Array.of(1, 2));
    expect(decoded()).toBe(3);
  });

  it('are forgotten for others, and not looked for where each has a number of its own', () => {
    const { read, decoded } = counting();
    const plain = jsonOf();
    for (let id = 0; id < 9; id++) read(jsonOf({ id: String(id) }), binary);
    read(jsonOf({ id: '8' }), binary);
    expect(decoded()).toBe(9);
    read(jsonOf({ id: '0' }), binary);
    expect(decoded()).toBe(10);
    // Nothing is remembered any more, but now and then it is tried again.
    for (let id = 100; id < 200; id++) read(jsonOf({ id: String(id) }), binary);
    const before = decoded();
    for (let times = 0; times < 500; times++) read(plain, binary);
    expect(decoded() - before).toBe(500);
    for (let times = 0; times < 2000; times++) read(plain, binary);
    expect(decoded() - before).toBeLessThan(1100);
  });

  it('have shapes that nobody can change for those after them', () => {
    const { read } = counting();
    read(jsonOf(), binary);
    const { shape } = read(jsonOf(), binary).inputs.x as { shape: readonly number[] };
    expect(Object.isFrozen(shape)).toBe(true);
  });
});
