import type { Element } from '../batching/padding';
import { checkOptions, objectWith, optionError, test } from '../option-checks';
import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, type DType } from '../tensor/dtype';
import { numberToHalf } from '../tensor/float16';
import { symbolKey } from './door';

/**
 * A value that fills padding: a bigint for int64 and uint64, `true` or `false` (or 1 or 0) for bool, a string for string,
 * else a number. For float16 it is the number, not its bits.
 */
export type PadValue = number | bigint | boolean | string;

/** How the sizes of one symbolic dimension are brought to a few, so that requests of different sizes share a batch. */
export interface ShapeOptions {
  /** Sizes to which requests are padded, ascending; each takes the smallest that holds it. 1 or more, at most 256 of them. */
  readonly buckets: readonly number[];
  /**
   * What fills the padding, by input: a value for every input that has this dimension, since only you know which one the
   * model takes for nothing. The mask may be left out here; its padding is 0.
   */
  readonly pad: Readonly<Record<string, PadValue>>;
  /**
   * The input that tells the model what is real: 1 where it is, 0 where it is padding, or the other way round where its
   * `pad` is 1. A request that gives it is padded like any input; for one that leaves it out it is made.
   * @default none
   */
  readonly mask?: string;
  /** Sizes above the largest bucket: computed as they are, with requests of that very size alone, or refused. @default 'exact' */
  readonly beyond?: 'exact' | 'refuse';
  /**
   * Axes of outputs that have this dimension though the signature does not name it there, by output: they are cut back to
   * the request's own size, as those are that bear its name. Counted from 0, with the batch axis. @default {}
   */
  readonly outputs?: Readonly<Record<string, number | readonly number[]>>;
}

/** Buckets by the name of their dimension, as `runner.signature` has it; `input.axis` where it has no name. */
export type ShapesOption = Readonly<Record<string, ShapeOptions>>;

/** What the options say about a model. Everything goes by name, since a model that comes later may have another order. */
export interface ShapeRules {
  readonly shapes: ReadonlyMap<string, ShapeOptions>;
  /** All symbolic dimensions but the rows, with buckets or without. */
  readonly dimensions: readonly string[];
  /** The dimension of each open axis but the rows, by input, axis by axis; undefined where the size is fixed. */
  readonly inputDimensions: ReadonlyMap<string, readonly (string | undefined)[]>;
  /** The same for outputs, dimensions with buckets only. */
  readonly outputDimensions: ReadonlyMap<string, readonly (string | undefined)[]>;
  /** What fills the padding, by input. */
  readonly pads: ReadonlyMap<string, Element>;
  /** What a mask holds where a request is real, by mask. */
  readonly masks: ReadonlyMap<string, Element>;
}

const owner = 'createRunner';

const shapeChecks = {
  buckets: test(
    (value) => Array.isArray(value) && value.length > 0 && value.length <= 256 && isAscending(value),
    'at most 256 whole numbers from 1 on, ascending and each once, such as [16, 32, 64]',
  ),
  pad: objectWith('an object with a value for each input that has this dimension'),
  mask: test((value) => typeof value === 'string', 'the name of an input'),
  beyond: test((value) => value === 'exact' || value === 'refuse', '"exact" or "refuse"'),
  outputs: objectWith('an object of axes by the name of the output'),
};

function isAscending(sizes: readonly unknown[]): boolean {
  return sizes.every(
    (size, index) => Number.isSafeInteger(size) && (size as number) > (index === 0 ? 0 : Number(sizes[index - 1])),
  );
}

/**
 * Checks what can be checked before the model is there.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkShapes(shapes: ShapesOption): void {
  if (Array.isArray(shapes)) throw optionError(owner, 'shapes', 'an object, not a list', shapes);
  for (const [dimension, options] of Object.entries(shapes)) {
    checkOptions(owner, options, shapeChecks, ['buckets', 'pad'], `${fieldOf(dimension)}.`);
  }
}

/**
 * Brings options and signature together.
 * @throws FairleadError `INVALID_OPTION` that names the field, the expected and the given
 */
export function resolveShapes(shapes: ShapesOption, signature: ModelSignature): ShapeRules {
  const { inputs, outputs, batchAxis } = signature;
  const inputDimensions = new Map(inputs.map((spec) => [spec.name, dimensionsOf(spec, batchAxis)]));
  const known = new Set([...inputDimensions.values()].flat().filter((name) => name !== undefined));
  // Copied, so that what the caller does with his object later changes nothing.
  const own = new Map(
    Object.entries(shapes).map(([dimension, options]) => [dimension, { ...options, buckets: [...options.buckets] }]),
  );
  for (const dimension of own.keys()) {
    if (known.has(dimension)) continue;
    const expected =
      known.size === 0
        ? 'none, since every size of this model but the rows is fixed'
        : `a symbolic dimension of the model: ${listNames(known)}`;
    throw optionError(owner, fieldOf(dimension), expected, dimension);
  }
  const outputDimensions = new Map(
    outputs.map((spec) => {
      const names = dimensionsOf(spec, batchAxis);
      return [spec.name, names.map((name) => (name !== undefined && own.has(name) ? name : undefined))];
    }),
  );
  const rules = {
    shapes: own,
    dimensions: [...known],
    inputDimensions,
    outputDimensions,
    pads: new Map<string, Element>(),
    masks: new Map<string, Element>(),
  };
  for (const dimension of own.keys()) resolvePads(rules, dimension, inputs);
  for (const dimension of own.keys()) resolveMask(rules, dimension, inputs);
  for (const dimension of own.keys()) claimOutputs(rules.outputDimensions, dimension, own, batchAxis);
  return rules;
}

function dimensionsOf(spec: TensorSpec, batchAxis: number | null): (string | undefined)[] {
  return spec.shape.map((size, axis) =>
    typeof size === 'string' && axis !== batchAxis ? symbolKey(spec, axis, size) : undefined,
  );
}

interface Resolving extends ShapeRules {
  readonly pads: Map<string, Element>;
  readonly masks: Map<string, Element>;
}

function resolvePads(rules: Resolving, dimension: string, inputs: readonly TensorSpec[]): void {
  const { pad, mask } = rules.shapes.get(dimension) as ShapeOptions;
  const having = inputs.filter((spec) => hasDimension(rules, spec.name, dimension));
  for (const name of Object.keys(pad)) {
    if (having.some((spec) => spec.name === name)) continue;
    throw optionError(
      owner,
      `${fieldOf(dimension)}.pad`,
      `inputs with the dimension "${dimension}": ${listNames(having.map((spec) => spec.name))}`,
      name,
    );
  }
  for (const { name, dtype } of having) {
    const given = Object.hasOwn(pad, name);
    if (!given && name === mask) continue;
    const value = given ? pad[name] : undefined;
    const element = elementOf(dtype, value);
    const field = `${fieldOf(dimension)}.pad.${name}`;
    if (element === undefined) throw optionError(owner, field, valueFor(dtype), value);
    const before = rules.pads.get(name);
    if (before !== undefined && !Object.is(before, element)) {
      throw optionError(owner, field, 'the value that another dimension declares for the same input', value);
    }
    rules.pads.set(name, element);
  }
}

function resolveMask(rules: Resolving, dimension: string, inputs: readonly TensorSpec[]): void {
  const { mask, pad } = rules.shapes.get(dimension) as ShapeOptions;
  if (mask === undefined) return;
  const field = `${fieldOf(dimension)}.mask`;
  const spec = inputs.find(({ name }) => name === mask);
  if (spec === undefined || !hasDimension(rules, mask, dimension)) {
    throw optionError(owner, field, `an input with the dimension "${dimension}"`, mask);
  }
  if (spec.dtype === 'string') throw optionError(owner, field, 'an input of numbers or of bool', mask);
  const [zero, one] = [zeroOf(spec.dtype), oneOf(spec.dtype)];
  const padding = rules.pads.get(mask) ?? zero;
  if (padding !== zero && padding !== one) {
    throw optionError(owner, `${fieldOf(dimension)}.pad.${mask}`, '0 or 1, since it is the mask', pad[mask]);
  }
  rules.pads.set(mask, padding);
  rules.masks.set(mask, padding === zero ? one : zero);
  // Where it is left out, its sizes are those of the inputs that are there.
  const masks = new Set([...rules.shapes.values()].map((options) => options.mask));
  for (const name of rules.inputDimensions.get(mask) ?? []) {
    if (name === undefined) continue;
    if (inputs.some((input) => !masks.has(input.name) && hasDimension(rules, input.name, name))) continue;
    throw optionError(owner, field, `an input without the dimension "${name}", which no other input has`, mask);
  }
}

function claimOutputs(
  outputDimensions: ReadonlyMap<string, (string | undefined)[]>,
  dimension: string,
  shapes: ReadonlyMap<string, ShapeOptions>,
  batchAxis: number | null,
): void {
  for (const [name, value] of Object.entries(shapes.get(dimension)?.outputs ?? {})) {
    const field = `${fieldOf(dimension)}.outputs.${name}`;
    const axes = outputDimensions.get(name);
    if (axes === undefined) {
      throw optionError(owner, field, `an output of the model: ${listNames(outputDimensions.keys())}`, name);
    }
    for (const axis of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      const isAxis = Number.isInteger(axis) && (axis as number) >= 0 && (axis as number) < axes.length;
      if (!isAxis || axis === batchAxis) {
        const rows = batchAxis === null ? '' : `, other than the batch axis ${batchAxis}`;
        throw optionError(owner, field, `axes of this output, which has ${axes.length}, counted from 0${rows}`, value);
      }
      const other = axes[axis as number];
      if (other !== undefined && other !== dimension) {
        throw optionError(owner, field, `axes that do not belong to the dimension "${other}"`, value);
      }
      axes[axis as number] = dimension;
    }
  }
}

function hasDimension(rules: ShapeRules, input: string, dimension: string): boolean {
  return rules.inputDimensions.get(input)?.includes(dimension) === true;
}

/** The value as an array of the dtype holds it; undefined when it cannot. */
function elementOf(dtype: DType, value: unknown): Element | undefined {
  if (dtype === 'string') return typeof value === 'string' ? value : undefined;
  if (dtype === 'bool') return value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : undefined;
  if (dtype === 'float16') {
    if (typeof value !== 'number') return undefined;
    const bits = numberToHalf(value);
    return Number.isFinite(value) && (bits & 0x7fff) === 0x7c00 ? undefined : bits;
  }
  const isBig = dtype === 'int64' || dtype === 'uint64';
  if (typeof value !== (isBig ? 'bigint' : 'number')) return undefined;
  const cell = allocateData(dtype, 1);
  cell[0] = value as never;
  if (dtype === 'float32' || dtype === 'float64') {
    return Number.isFinite(value) && !Number.isFinite(cell[0]) ? undefined : (value as number);
  }
  // What wraps around or loses its fraction is another value.
  return cell[0] === value ? (value as Element) : undefined;
}

function zeroOf(dtype: DType): Element {
  return allocateData(dtype, 1)[0] as Element;
}

function oneOf(dtype: DType): Element {
  return elementOf(dtype, dtype === 'int64' || dtype === 'uint64' ? 1n : 1) as Element;
}

function valueFor(dtype: DType): string {
  switch (dtype) {
    case 'string':
      return 'a string';
    case 'bool':
      return 'true or false';
    case 'int64':
    case 'uint64':
      return `a bigint that ${dtype} holds, such as 0n`;
    case 'float16':
    case 'float32':
    case 'float64':
      return `a number that ${dtype} holds`;
    default:
      return `a whole number that ${dtype} holds`;
  }
}

function listNames(names: Iterable<string>): string {
  return [...names].map((name) => `"${name}"`).join(', ') || 'none';
}

function fieldOf(dimension: string): string {
  return `shapes.${dimension}`;
}
