import type { GraphModel } from '@tensorflow/tfjs-converter';
import type { ValueClaim } from './tfjs-model';

/** One input or output in the signature of a graph, as the protobuf of TensorFlow is written in JSON. */
interface SignatureEntry {
  /** Node and the number of its output: `x:0`. */
  readonly name?: string;
  readonly dtype?: string;
  readonly tensorShape?: {
    readonly dim?: readonly { readonly size?: string | number }[];
    readonly unknownRank?: boolean;
  };
  /** Set for what the model fills in itself. */
  readonly resourceId?: number;
}

type Entries = Readonly<Record<string, SignatureEntry>>;
type Graph = Pick<GraphModel, 'inputs' | 'outputs' | 'outputNodes' | 'modelSignature'>;

/** What the runtime holds each dtype of TensorFlow as: it has fewer. */
const heldAs: Readonly<Record<string, string>> = {
  DT_FLOAT: 'float32',
  DT_HALF: 'float32',
  DT_BFLOAT16: 'float32',
  DT_DOUBLE: 'float32',
  DT_INT8: 'int32',
  DT_INT16: 'int32',
  DT_INT32: 'int32',
  DT_INT64: 'int32',
  DT_UINT8: 'int32',
  DT_UINT16: 'int32',
  DT_UINT32: 'int32',
  DT_UINT64: 'int32',
  DT_BOOL: 'bool',
  DT_STRING: 'string',
  DT_COMPLEX64: 'complex64',
  DT_COMPLEX128: 'complex64',
};

/**
 * What a graph says about its inputs: by the placeholders, which the runtime checks runs against, and by the signature
 * where they say nothing.
 */
export function inputClaims(model: Graph): ValueClaim[] {
  const nodes = new Map(model.inputs.map((node) => [node.name, node]));
  const entries = entriesOf(model, 'inputs') ?? Object.fromEntries(model.inputs.map(({ name }) => [name, { name }]));
  return Object.entries(entries)
    .filter(([, { resourceId }]) => resourceId === undefined)
    .map(([name, entry]) => {
      const node = nodes.get((entry.name ?? name).replace(/:\d+$/, ''));
      const said = shapeOf(entry);
      const shape = node?.shape?.map((size, axis) => (size < 0 ? (said?.[axis] ?? null) : size)) ?? said;
      return { name, dtype: node?.dtype ?? heldAs[entry.dtype ?? ''], shape };
    });
}

/** What a graph says about its outputs, which is nothing but their names where it has no signature. */
export function outputClaims(model: Graph): ValueClaim[] {
  const entries = entriesOf(model, 'outputs');
  if (entries === undefined) return model.outputNodes.map((name) => ({ name, dtype: undefined, shape: undefined }));
  return Object.entries(entries).map(([name, entry]) => ({
    name,
    dtype: heldAs[entry.dtype ?? ''],
    shape: shapeOf(entry),
  }));
}

function entriesOf({ modelSignature }: Graph, side: 'inputs' | 'outputs'): Entries | undefined {
  const entries = (modelSignature as { readonly [Side in typeof side]?: Entries } | undefined)?.[side];
  return entries !== undefined && Object.keys(entries).length > 0 ? entries : undefined;
}

/** A scalar has no `dim`, since empty lists are left out of the JSON. */
function shapeOf({ tensorShape }: SignatureEntry): (number | null)[] | undefined {
  if (tensorShape === undefined || tensorShape.unknownRank === true) return undefined;
  return (tensorShape.dim ?? []).map(({ size }) => (size === undefined || Number(size) < 0 ? null : Number(size)));
}
