import { elementNameOf } from './value-types';
import { fieldsOf, type WireField } from './wire';

/* Field and enum numbers are those of onnx.proto. */

/** What the tensors of a model's graph need of a device. */
export interface GraphNeeds {
  /** Types of elements that its inputs, outputs, weights and casts have: `float32`, `float16`, `bfloat16` … */
  readonly elementTypes: ReadonlySet<string>;
  /** Bytes of the largest weight that lies in the file. */
  readonly largestWeightBytes: number;
}

interface Needs {
  readonly elementTypes: Set<string>;
  largestWeightBytes: number;
}

/** Deeper than this no model nests its graphs; a hostile one might. */
const maxDepth = 16;

/**
 * What an ONNX model needs of the device that it runs on, as far as its file says so: before a runtime is fetched.
 *
 * @param model the bytes of a `ModelProto`
 * @returns what was found until the bytes end or turn out to be something else
 */
export function graphNeedsOf(model: Uint8Array): GraphNeeds {
  const needs: Needs = { elementTypes: new Set(), largestWeightBytes: 0 };
  try {
    for (const field of fieldsOf(model)) {
      if (field.number === 7 && 'bytes' in field) readGraph(field.bytes, needs, 0);
      // A function of the model's own is a list of nodes.
      else if (field.number === 25 && 'bytes' in field) readNodes(field.bytes, 7, needs, 0);
    }
  } catch (error) {
    // The runtime says what is wrong with the file.
    if (!(error instanceof RangeError)) throw error;
  }
  return needs;
}

function readGraph(graph: Uint8Array, needs: Needs, depth: number): void {
  if (depth > maxDepth) return;
  readNodes(graph, 1, needs, depth);
  for (const field of fieldsOf(graph)) {
    if (!('bytes' in field)) continue;
    if (field.number === 5) readWeight(field.bytes, needs);
    else if (field.number === 11 || field.number === 12 || field.number === 13) readValue(field.bytes, needs);
  }
}

function readNodes(owner: Uint8Array, number: number, needs: Needs, depth: number): void {
  for (const node of nested(fieldsOf(owner), number)) readNode(node, needs, depth);
}

function readNode(node: Uint8Array, needs: Needs, depth: number): void {
  const fields = [...fieldsOf(node)];
  const isCast = textOf(nested(fields, 4)) === 'Cast';
  for (const attribute of nested(fields, 5)) {
    const parts = [...fieldsOf(attribute)];
    if (isCast && textOf(nested(parts, 1)) === 'to') addType(numberIn(parts, 3), needs);
    for (const part of parts) {
      if (!('bytes' in part)) continue;
      if (part.number === 5 || part.number === 10) readWeight(part.bytes, needs);
      else if (part.number === 6 || part.number === 11) readGraph(part.bytes, needs, depth + 1);
    }
  }
}

/** A `TensorProto`: its elements lie in one of several fields, which are about as long as what they hold. */
function readWeight(tensor: Uint8Array, needs: Needs): void {
  addType(numberIn(fieldsOf(tensor), 2), needs);
  needs.largestWeightBytes = Math.max(needs.largestWeightBytes, tensor.length);
}

/** A `ValueInfoProto` whose type is a tensor's. */
function readValue(value: Uint8Array, needs: Needs): void {
  for (const type of nested(fieldsOf(value), 2)) {
    for (const tensor of nested(fieldsOf(type), 1)) addType(numberIn(fieldsOf(tensor), 1), needs);
  }
}

function addType(number: number | undefined, { elementTypes }: Needs): void {
  if (number !== undefined) elementTypes.add(elementNameOf(number));
}

function textOf(found: Iterable<Uint8Array>): string | undefined {
  for (const bytes of found) return new TextDecoder().decode(bytes);
  return undefined;
}

function numberIn(fields: Iterable<WireField>, number: number): number | undefined {
  for (const field of fields) if (field.number === number && 'value' in field) return field.value;
  return undefined;
}

function* nested(fields: Iterable<WireField>, number: number): Generator<Uint8Array> {
  for (const field of fields) if (field.number === number && 'bytes' in field) yield field.bytes;
}
