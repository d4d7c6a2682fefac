import { encodeMessage, type Field } from './protobuf';

/** Sizes of the axes of a value; a string names a symbolic one. */
type Shape = readonly (number | string)[];

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whole-number attributes, or lists of them. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

interface Weights {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Graph {
  readonly input: { readonly name: string; readonly shape: Shape };
  readonly output: { readonly name: string; readonly shape: Shape };
  readonly nodes: readonly Node[];
  readonly weights: readonly Weights[];
}

const float = 1;
const irVersion = 8;
const opset = 17;
/** AttributeProto.type: INT and INTS. */
const [intType, intsType] = [2, 7];

/** An ONNX file of a graph: the fields of onnx.proto by their numbers. */
export function encodeModel({ input, output, nodes, weights }: Graph): Uint8Array {
  const graph: Field[] = [
    ...nodes.map((node): Field => [1, nodeFields(node)]),
    [2, 'benchmark'],
    ...weights.map(
      ({ name, shape, data }): Field => [
        5,
        [...shape.map((size): Field => [1, size]), [2, float], [8, name], [9, new Uint8Array(data.buffer)]],
      ],
    ),
    [11, valueFields(input.name, input.shape)],
    [12, valueFields(output.name, output.shape)],
  ];
  return encodeMessage([
    [1, irVersion],
    [2, 'fairlead benchmarks'],
    [7, graph],
    [
      8,
      [
        [1, ''],
        [2, opset],
      ],
    ],
  ]);
}

function nodeFields({ op, inputs, output, attributes = {} }: Node): Field[] {
  return [
    ...inputs.map((name): Field => [1, name]),
    [2, output],
    [4, op],
    ...Object.entries(attributes).map(
      ([name, value]): Field => [
        5,
        typeof value === 'number'
          ? [
              [1, name],
              [3, value],
              [20, intType],
            ]
          : [[1, name], ...value.map((item): Field => [8, item]), [20, intsType]],
      ],
    ),
  ];
}

function valueFields(name: string, shape: Shape): Field[] {
  const dims = shape.map((size): Field => [1, [typeof size === 'number' ? [1, size] : [2, size]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, float],
            [2, dims],
          ],
        ],
      ],
    ],
  ];
}

/** The same weights at every run: a fixed sequence, scaled so that activations neither vanish nor explode. */
function weightsOf(name: string, shape: readonly number[], fanIn: number): Weights {
  const length = shape.reduce((product, size) => product * size, 1);
  let state = length;
  const data = Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 31 - 1) / Math.sqrt(fanIn);
  });
  return { name, shape, data };
}

/** A multilayer perceptron: `x` float32 ['batch', sizes[0]] → `y` float32 ['batch', sizes.at(-1)], ReLU between. */
export function mlp(sizes: readonly number[]): Uint8Array {
  const nodes: Node[] = [];
  const weights: Weights[] = [];
  const last = sizes.length - 1;
  for (let layer = 1; layer <= last; layer++) {
    const [fanIn, fanOut] = [sizes[layer - 1] as number, sizes[layer] as number];
    weights.push(weightsOf(`w${layer}`, [fanIn, fanOut], fanIn), weightsOf(`b${layer}`, [fanOut], fanIn));
    const from = layer === 1 ? 'x' : `h${layer - 1}`;
    const to = layer === last ? 'y' : `g${layer}`;
    nodes.push({ op: 'Gemm', inputs: [from, `w${layer}`, `b${layer}`], output: to });
    if (layer < last) nodes.push({ op: 'Relu', inputs: [to], output: `h${layer}` });
  }
  return encodeModel({
    input: { name: 'x', shape: ['batch', sizes[0] as number] },
    output: { name: 'y', shape: ['batch', sizes[last] as number] },
    nodes,
    weights,
  });
}

/**
 * A convolutional network on 32 × 32 colour images: `x` float32 ['batch', 3, 32, 32] → `y` float32 ['batch', 10]; 3 × 3
 * convolutions with ReLU, then the mean over the picture and one dense layer.
 *
 * @param blocks channels of each convolution, by block; a block but the first begins by halving the picture
 */
export function cnn(blocks: readonly (readonly number[])[]): Uint8Array {
  const nodes: Node[] = [];
  const weights: Weights[] = [];
  let [from, depth, layer] = ['x', 3, 0];
  for (const [block, widths] of blocks.entries()) {
    for (const [index, width] of widths.entries()) {
      weights.push(weightsOf(`w${layer}`, [width, depth, 3, 3], depth * 9), weightsOf(`b${layer}`, [width], depth * 9));
      const stride = block > 0 && index === 0 ? 2 : 1;
      const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [stride, stride] };
      nodes.push({ op: 'Conv', inputs: [from, `w${layer}`, `b${layer}`], output: `c${layer}`, attributes });
      nodes.push({ op: 'Relu', inputs: [`c${layer}`], output: `r${layer}` });
      [from, depth, layer] = [`r${layer}`, width, layer + 1];
    }
  }
  nodes.push({ op: 'GlobalAveragePool', inputs: [from], output: 'pooled' });
  nodes.push({ op: 'Flatten', inputs: ['pooled'], output: 'flat', attributes: { axis: 1 } });
  weights.push(weightsOf('w', [depth, 10], depth), weightsOf('b', [10], depth));
  nodes.push({ op: 'Gemm', inputs: ['flat', 'w', 'b'], output: 'y' });
  return encodeModel({
    input: { name: 'x', shape: ['batch', 3, 32, 32] },
    output: { name: 'y', shape: ['batch', 10] },
    nodes,
    weights,
  });
}
