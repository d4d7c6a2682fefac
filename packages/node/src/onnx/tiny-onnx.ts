import { encodeMessage, type Field } from '../../../../benchmarks/lib/onnx/protobuf';

/* Tiny ONNX models for tests, so that no binary need be committed. Field and enum numbers are those of onnx.proto. */

const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** An input or output; a string in the shape is a symbolic axis, '' one without a name. */
export interface TinyValue {
  readonly name: string;
  readonly type: keyof typeof elementTypes;
  readonly shape: readonly (number | string)[];
  /** Makes it a sequence of such tensors. */
  readonly sequence?: boolean;
}

export interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes: whole numbers, lists of them, or text. */
  readonly attributes?: Readonly<Record<string, number | string | readonly number[]>>;
}

/** Encodes a model of opset 17. */
export function tinyModel(
  inputs: readonly TinyValue[],
  nodes: readonly TinyNode[],
  outputs: readonly TinyValue[],
): Uint8Array {
  const graph: Field[] = [
    ...nodes.map((node): Field => [1, nodeOf(node)]),
    [2, 'tiny'],
    ...inputs.map((value): Field => [11, valueFields(value)]),
    ...outputs.map((value): Field => [12, valueFields(value)]),
  ];
  const opset: Field[] = [
    [1, ''],
    [2, 17],
  ];
  return encodeMessage([
    [1, 8],
    [7, graph],
    [8, opset],
  ]);
}

/** A model with one input `x`, one output `y` and one operator between them. */
export function tinyUnary(op: string, x: Omit<TinyValue, 'name'>, y: Omit<TinyValue, 'name'> = x): Uint8Array {
  const node = { op, inputs: ['x'], outputs: ['y'] };
  return tinyModel([{ ...x, name: 'x' }], [node], [{ ...y, name: 'y' }]);
}

/** A model that multiplies a square matrix with itself so often that a run takes as long as a test needs. */
export function tinySlow(size: number, times: number): Uint8Array {
  const value = (name: string): TinyValue => ({ name, type: 'float32', shape: [size, size] });
  const step = (index: number): string => (index === 0 ? 'x' : index === times ? 'y' : `step${index}`);
  const nodes = Array.from({ length: times }, (_, index) => ({
    op: 'MatMul',
    inputs: [step(index), 'x'],
    outputs: [step(index + 1)],
  }));
  return tinyModel([value('x')], nodes, [value('y')]);
}

/**
 * What skl2onnx makes of a classifier of scikit-learn: `label`, and `output_probability`, which is a map from classes to
 * probabilities for each row. Its input `x` is float32 [n, 2].
 */
export function zipMapModel(): Uint8Array {
  const mlDomain = 'ai.onnx.ml';
  const ints = 7;
  const classes: Field[] = [0, 1].map((label) => [8, label]);
  const zipMap: Field[] = [
    [1, 'x'],
    [2, 'output_probability'],
    [4, 'ZipMap'],
    [5, [[1, 'classlabels_int64s'], ...classes, [20, ints]]],
    [7, mlDomain],
  ];
  const scalar: Field[] = [[1, [[1, elementTypes.float32]]]];
  const map: Field[] = [
    [
      5,
      [
        [1, elementTypes.int64],
        [2, scalar],
      ],
    ],
  ];
  const maps: Field[] = [[4, [[1, map]]]];
  const graph: Field[] = [
    [1, nodeOf({ op: 'Identity', inputs: ['x'], outputs: ['label'] })],
    [1, zipMap],
    [2, 'tiny'],
    [11, valueFields({ name: 'x', type: 'float32', shape: ['n', 2] })],
    [12, valueFields({ name: 'label', type: 'float32', shape: ['n', 2] })],
    [
      12,
      [
        [1, 'output_probability'],
        [2, maps],
      ],
    ],
  ];
  const opsets: Field[] = [['', 17] as const, [mlDomain, 3] as const].map(([domain, version]) => [
    8,
    [
      [1, domain],
      [2, version],
    ],
  ]);
  return encodeMessage([[1, 8], [7, graph], ...opsets]);
}

/**
 * A model of sentences that respects its mask: the mean of the words that are real, each word times that mean, and each
 * word times each other.
 * @param name of the dimension of words; '' for none
 */
export function tinyMaskedMean(name = 'sequence'): Uint8Array {
  const words = (value: string, type: TinyValue['type']): TinyValue => ({ name: value, type, shape: ['batch', name] });
  const float = { to: elementTypeOf('float32') };
  const einsum = (equation: string, inputs: string[], output: string): TinyNode => ({
    op: 'Einsum',
    inputs,
    outputs: [output],
    attributes: { equation },
  });
  return tinyModel(
    [words('input_ids', 'int64'), words('attention_mask', 'int64')],
    [
      { op: 'Cast', inputs: ['input_ids'], outputs: ['values'], attributes: float },
      { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: float },
      einsum('bs,bs->b', ['values', 'mask'], 'sum'),
      einsum('bs,bs->b', ['mask', 'mask'], 'count'),
      { op: 'Div', inputs: ['sum', 'count'], outputs: ['mean'] },
      einsum('bs,b->bs', ['values', 'mean'], 'shares'),
      einsum('bs,bt->bst', ['values', 'values'], 'pairs'),
    ],
    [
      { name: 'mean', type: 'float32', shape: ['batch'] },
      { name: 'shares', type: 'float32', shape: ['batch', name] },
      { name: 'pairs', type: 'float32', shape: ['batch', name, name] },
    ],
  );
}

/** ONNX's number of an element type, for the attribute `to` of Cast. */
export function elementTypeOf(type: keyof typeof elementTypes): number {
  return elementTypes[type];
}

function nodeOf({ op, inputs, outputs, attributes = {} }: TinyNode): Field[] {
  return [
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, op],
    ...Object.entries(attributes).map(([name, value]): Field => [5, [[1, name], ...attributeOf(value)]]),
  ];
}

function attributeOf(value: number | string | readonly number[]): Field[] {
  const [int, string, ints] = [2, 3, 7];
  if (typeof value === 'number') {
    return [
      [3, value],
      [20, int],
    ];
  }
  if (typeof value === 'string') {
    return [
      [4, value],
      [20, string],
    ];
  }
  return [...value.map((element): Field => [8, element]), [20, ints]];
}

function valueFields({ name, type, shape, sequence = false }: TinyValue): Field[] {
  const dimensions = shape.map(
    (size): Field => [1, size === '' ? [] : typeof size === 'number' ? [[1, size]] : [[2, size]]],
  );
  const tensor: Field = [
    1,
    [
      [1, elementTypes[type]],
      [2, dimensions],
    ],
  ];
  return [
    [1, name],
    [2, sequence ? [[4, [[1, [tensor]]]]] : [tensor]],
  ];
}
