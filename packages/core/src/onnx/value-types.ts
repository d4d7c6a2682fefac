import { fieldsOf } from './wire';

/* Field and enum numbers are those of onnx.proto. */

/** Elements of tensors by their number in `TensorProto.DataType`. */
const elementNames: readonly (string | undefined)[] = [
  undefined,
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
];

/** Deeper than this no model nests its types; a hostile one might. */
const maxDepth = 8;

/**
 * What an ONNX model declares about its inputs and outputs, by their names, in words: `a float32 tensor`, `a sequence of
 * maps from int64 to float32 tensors`. Runtimes tell the types of tensors alone.
 *
 * @param model the bytes of a `ModelProto`
 * @returns no names when the bytes are something else
 */
export function valueTypesOf(model: Uint8Array): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  try {
    for (const graph of nested(model, 7)) {
      for (const field of fieldsOf(graph)) {
        // Inputs and outputs are of one shape.
        if ((field.number === 11 || field.number === 12) && 'bytes' in field) readValue(field.bytes, types);
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // Its types are a help in a message only, so half of them are as good as none.
    return new Map();
  }
  return types;
}

function readValue(value: Uint8Array, types: Map<string, string>): void {
  const [name] = nested(value, 1);
  const [type] = nested(value, 2);
  if (name === undefined || type === undefined) return;
  const words = inWords(type, false, 0);
  types.set(new TextDecoder().decode(name), `${/^[aeio]/.test(words) ? 'an' : 'a'} ${words}`);
}

/** A `TypeProto` without an article: `float32 tensor`, or `float32 tensors` for many. */
function inWords(type: Uint8Array | undefined, many: boolean, depth: number): string {
  const s = many ? 's' : '';
  const [field] = type === undefined || depth > maxDepth ? [] : fieldsOf(type);
  if (field === undefined || !('bytes' in field)) return `value${s} of unknown type`;
  const { number, bytes } = field;
  const [element] = nested(bytes, number === 5 ? 2 : 1);
  switch (number) {
    case 1:
      return `${elementName(bytes)} tensor${s}`;
    case 4:
      return `sequence${s} of ${inWords(element, true, depth + 1)}`;
    case 5:
      return `map${s} from ${elementName(bytes)} to ${inWords(element, true, depth + 1)}`;
    case 8:
      return `sparse ${elementName(bytes)} tensor${s}`;
    case 9:
      return `optional ${inWords(element, many, depth + 1)}`;
    default:
      return `value${s} of unknown type`;
  }
}

/** The type of a tensor's elements, or of a map's keys. */
function elementName(message: Uint8Array): string {
  for (const field of fieldsOf(message)) {
    if (field.number === 1 && 'value' in field) return elementNameOf(field.value);
  }
  return 'type-0';
}

/** The name of an element's type by its number in `TensorProto.DataType`. */
export function elementNameOf(number: number): string {
  return elementNames[number] ?? `type-${number}`;
}

function* nested(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const field of fieldsOf(message)) if (field.number === number && 'bytes' in field) yield field.bytes;
}
