import type { TensorSpec } from '../../signature';
import { elementCount } from '../../tensor/tensor';
import type { JsonSchema } from '../protocol';
import { type ElementOf, plainElement, zeroOf } from './elements';

/*
 * Schemas and examples of tensors that travel as nested arrays, out of a signature. An open size of an axis is told by its title.
 */

/** Sizes of axes; a string is open. */
export type Sizes = TensorSpec['shape'];

/** Larger examples would only make a document long. */
const mostExampleElements = 4096;

/** Arrays nested as the sizes say. */
export function nestedSchema(element: JsonSchema, sizes: Sizes): JsonSchema {
  return sizes.reduceRight<JsonSchema>((items, size) => ({ type: 'array', ...lengthOf(size), items }), element);
}

function lengthOf(size: number | string): JsonSchema {
  return typeof size === 'string' ? { title: size } : { minItems: size, maxItems: size };
}

/** A whole tensor. */
export function wholeSchema(spec: TensorSpec, elementOf: ElementOf = plainElement): JsonSchema {
  return nestedSchema(elementOf(spec), spec.shape);
}

/** One row of a tensor along its first axis. */
export function rowSchema(spec: TensorSpec, elementOf: ElementOf = plainElement): JsonSchema {
  return nestedSchema(elementOf(spec), spec.shape.slice(1));
}

/** An object with a value for each tensor, and nothing else. */
export function namedSchema(specs: readonly TensorSpec[], schemaOf: (spec: TensorSpec) => JsonSchema): JsonSchema {
  return {
    type: 'object',
    required: specs.map(({ name }) => name),
    properties: Object.fromEntries(specs.map((spec) => [spec.name, schemaOf(spec)])),
    additionalProperties: false,
  };
}

/** As answers have it: the value of the only tensor, or an object with those of several. */
export function valueSchema(specs: readonly TensorSpec[], schemaOf: (spec: TensorSpec) => JsonSchema): JsonSchema {
  const [only] = specs;
  return specs.length === 1 && only !== undefined ? schemaOf(only) : namedSchema(specs, schemaOf);
}

/** As requests may have it: the only tensor with or without its name. */
export function givenSchema(specs: readonly TensorSpec[], schemaOf: (spec: TensorSpec) => JsonSchema): JsonSchema {
  const named = namedSchema(specs, schemaOf);
  return specs.length === 1 ? { anyOf: [valueSchema(specs, schemaOf), named] } : named;
}

/** A list with an entry for each row. */
export function listSchema(specs: readonly TensorSpec[], items: JsonSchema): JsonSchema {
  const rows = specs[0]?.shape[0];
  return { type: 'array', ...(typeof rows === 'number' ? lengthOf(rows) : { minItems: 1 }), items };
}

/** Whether every tensor has an axis of rows, and none another number of them. */
export function haveRows(specs: readonly TensorSpec[]): boolean {
  const fixed = specs.map(({ shape }) => shape[0]).filter((size) => typeof size !== 'string');
  return !fixed.includes(undefined) && new Set(fixed).size <= 1;
}

/** Sizes of an example, in which open ones are 1. */
export function exampleSizes(sizes: Sizes): number[] {
  return sizes.map((size) => (typeof size === 'number' ? size : 1));
}

/** Whether examples of the tensors are short enough to be read. */
export function haveExamples(specs: readonly TensorSpec[]): boolean {
  return specs.reduce((sum, { shape }) => sum + elementCount(exampleSizes(shape)), 0) <= mostExampleElements;
}

/** Zeros, nested as the sizes say. */
export function zeros({ dtype }: TensorSpec, sizes: Sizes): unknown {
  return exampleSizes(sizes).reduceRight<unknown>((inner, size) => new Array(size).fill(inner), zeroOf(dtype));
}

/** The value of the only tensor, or an object with those of several. */
export function exampleValue(specs: readonly TensorSpec[], exampleOf: (spec: TensorSpec) => unknown): unknown {
  const [only] = specs;
  if (specs.length === 1 && only !== undefined) return exampleOf(only);
  return Object.fromEntries(specs.map((spec) => [spec.name, exampleOf(spec)]));
}

/** A list of rows of zeros: one, or as many as the model has. */
export function exampleRows(specs: readonly TensorSpec[]): unknown[] {
  const [rows = 1] = exampleSizes(specs[0]?.shape ?? []);
  const row = exampleValue(specs, (spec) => zeros(spec, spec.shape.slice(1)));
  return new Array(rows).fill(row);
}

/** Whole tensors of zeros. */
export function exampleTensors(specs: readonly TensorSpec[]): unknown {
  return exampleValue(specs, (spec) => zeros(spec, spec.shape));
}
