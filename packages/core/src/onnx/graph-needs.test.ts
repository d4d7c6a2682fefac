import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage, type Field } from '../../../../benchmarks/lib/onnx/protobuf';
import { graphNeedsOf } from './graph-needs';

const [float32, int64, float16] = [1, 7, 10];
const value = (name: string, element: number): Field[] => [
  [1, name],
  [2, [[1, [[1, element]]]]],
];
const weight = (element: number, bytes: number): Field[] => [
  [2, element],
  [9, new Uint8Array(bytes)],
];
const node = (operator: string, ...attributes: Field[][]): Field[] => [
  [4, operator],
  ...attributes.map((attribute): Field => [5, attribute]),
];
const modelOf = (...graph: Field[]): Uint8Array =>
  encodeMessage([
    [1, 8],
    [7, graph],
  ]);
const plain: Field[] = [
  [11, value('x', float32)],
  [12, value('y', float32)],
];
const typesOf = (model: Uint8Array): string[] => [...graphNeedsOf(model).elementTypes].sort();

describe('graphNeedsOf', () => {
  const half: Field[] = weight(float16, 2);
  test.each<[string, Field[]]>([
    ['an input', [[11, value('h', float16)]]],
    ['an output', [[12, value('h', float16)]]],
    ['a value in between', [[13, value('h', float16)]]],
    ['a weight', [[5, half]]],
    [
      'a constant',
      [
        [
          1,
          node('Constant', [
            [1, 'value'],
            [5, half],
          ]),
        ],
      ],
    ],
    [
      'a cast',
      [
        [
          1,
          node('Cast', [
            [1, 'to'],
            [3, float16],
          ]),
        ],
      ],
    ],
    [
      'a branch',
      [
        [
          1,
          node('If', [
            [1, 'then_branch'],
            [6, [[5, half]]],
          ]),
        ],
      ],
    ],
  ])('finds float16 in %s', (_where, fields) => {
    expect(typesOf(modelOf(...plain, ...fields))).toEqual(['float16', 'float32']);
  });

  test('finds none where there is none', () => {
    const other = node('Softmax', [
      [1, 'to'],
      [3, float16],
    ]);
    expect(typesOf(modelOf(...plain, [1, other], [5, weight(int64, 8)]))).toEqual(['float32', 'int64']);
  });

  test('tells of a function of the model what it casts to', () => {
    const cast = node('Cast', [
      [1, 'to'],
      [3, float16],
    ]);
    expect(typesOf(encodeMessage([[25, [[7, cast]]]]))).toEqual(['float16']);
  });

  test('measures the largest weight', () => {
    const { largestWeightBytes } = graphNeedsOf(
      modelOf(...plain, [5, weight(float32, 4000)], [5, weight(float32, 40)]),
    );
    expect(largestWeightBytes).toBeGreaterThanOrEqual(4000);
    expect(largestWeightBytes).toBeLessThan(4010);
  });

  test('reads a real model', () => {
    const digits = readFileSync(new URL('../../../../examples/models/digits-v2.onnx', import.meta.url));
    expect(typesOf(digits)).toEqual(['float32', 'int64']);
    expect(graphNeedsOf(digits).largestWeightBytes).toBeGreaterThan(64 * 4);
  });

  test('follows no graph for ever, and no bytes make it fail', () => {
    let graph: Field[] = [[5, half]];
    for (let depth = 0; depth < 100; depth++) graph = [[1, node('If', [[6, graph]])]];
    expect(typesOf(modelOf(...graph))).toEqual([]);
    const whole = modelOf(
      ...plain,
      [5, half],
      [
        1,
        node('Cast', [
          [1, 'to'],
          [3, float16],
        ]),
      ],
    );
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(whole.length - 1), byte, (bytes, place, changed) => {
        expect(graphNeedsOf(bytes).largestWeightBytes).toBeLessThanOrEqual(bytes.length);
        const spoilt = whole.slice();
        spoilt[place] = changed;
        expect(graphNeedsOf(spoilt).largestWeightBytes).toBeLessThanOrEqual(spoilt.length);
      }),
    );
  });
});
