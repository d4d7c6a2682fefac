import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage, type Field } from '../../../../benchmarks/lib/onnx/protobuf';
import { notATensor } from './not-a-tensor';
import { valueTypesOf } from './value-types';

const [float32, int64, text, bfloat16] = [1, 7, 8, 16];
const tensor = (element: number): Field[] => [[1, [[1, element]]]];
const sequence = (element: Field[]): Field[] => [[4, [[1, element]]]];
const map = (key: number, value: Field[]): Field[] => [
  [
    5,
    [
      [1, key],
      [2, value],
    ],
  ],
];
const optional = (element: Field[]): Field[] => [[9, [[1, element]]]];

/** A model of one input `x`, and one output `y` of a type. */
function modelOf(type: Field[]): Uint8Array {
  const value = (name: string, of: Field[]): Field[] => [
    [1, name],
    [2, of],
  ];
  const weights = new Uint8Array(1000).fill(255);
  const graph: Field[] = [
    [1, [[4, 'Identity']]],
    [5, [[9, weights]]],
    [11, value('x', tensor(float32))],
    [12, value('y', type)],
  ];
  return encodeMessage([
    [1, 8],
    [7, graph],
    [8, [[2, 17]]],
  ]);
}

describe('valueTypesOf', () => {
  test.each<[string, Field[]]>([
    ['a float32 tensor', tensor(float32)],
    ['an int64 tensor', tensor(int64)],
    ['a bfloat16 tensor', tensor(bfloat16)],
    ['a type-99 tensor', tensor(99)],
    ['a type-0 tensor', [[1, []]]],
    ['a sequence of float32 tensors', sequence(tensor(float32))],
    ['a sequence of maps from int64 to float32 tensors', sequence(map(int64, tensor(float32)))],
    ['a map from string to sequences of int64 tensors', map(text, sequence(tensor(int64)))],
    ['an optional sequence of float32 tensors', optional(sequence(tensor(float32)))],
    ['a sequence of optional float32 tensors', sequence(optional(tensor(float32)))],
    ['a sparse float32 tensor', [[8, [[1, float32]]]]],
    ['a sequence of values of unknown type', [[4, []]]],
    ['a value of unknown type', []],
    ['a value of unknown type', [[7, [[1, 'opaque']]]]],
    ['a value of unknown type', [[1, 5]]],
  ])('%s', (words, type) => {
    expect(Object.fromEntries(valueTypesOf(modelOf(type)))).toEqual({ x: 'a float32 tensor', y: words });
  });

  test('a real model', () => {
    const digits = readFileSync(new URL('../../../../examples/models/digits-v2.onnx', import.meta.url));
    expect(Object.fromEntries(valueTypesOf(digits))).toEqual({
      pixels: 'a float32 tensor',
      label: 'an int64 tensor',
      probabilities: 'a float32 tensor',
    });
  });

  test('follows no type for ever', () => {
    let type = tensor(float32);
    for (let depth = 0; depth < 1000; depth++) type = sequence(type);
    expect(valueTypesOf(modelOf(type)).get('y')).toMatch(/^a sequence of (sequences of )+values of unknown type$/);
  });

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('not a model at all')],
    ['half a model', modelOf(tensor(float32)).subarray(0, 500)],
    ['a number without an end', new Uint8Array(20).fill(255)],
    ['a field that is too long', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f, 1)],
  ])('%s has no types', (_what, bytes) => {
    expect(valueTypesOf(bytes).size).toBe(0);
  });

  test('no bytes make it fail', () => {
    const whole = modelOf(sequence(map(int64, tensor(float32))));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(whole.length - 1),
        fc.integer({ min: 0, max: 255 }),
        (...given) => {
          const [bytes, place, byte] = given;
          expect(valueTypesOf(bytes)).toBeInstanceOf(Map);
          const changed = whole.slice();
          changed[place] = byte;
          expect(valueTypesOf(changed)).toBeInstanceOf(Map);
        },
      ),
    );
  });
});

describe('notATensor', () => {
  test('names the value, its type, and how to export maps as a tensor', () => {
    expect(notATensor('output', 'y', modelOf(sequence(map(int64, tensor(float32)))))).toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'The output "y" is a sequence of maps from int64 to float32 tensors; expected a tensor. Export the model without it: in skl2onnx, with options={"zipmap": False}.',
      details: { field: 'y', expected: 'a tensor', given: 'a sequence of maps from int64 to float32 tensors' },
    });
  });

  test('has other advice for what holds no maps', () => {
    expect(notATensor('output', 'y', modelOf(optional(tensor(float32)))).message).toBe(
      'The output "y" is an optional float32 tensor; expected a tensor. Export the model with tensors alone.',
    );
  });

  test('does without the type where the bytes do not tell it', () => {
    expect(notATensor('output', 'z', new Uint8Array())).toMatchObject({
      message: expect.stringContaining('The output "z" is a sequence, a map or optional; expected a tensor.'),
    });
  });
});
