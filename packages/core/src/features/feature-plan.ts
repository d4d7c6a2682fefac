import { FairleadError } from '../errors';
import { optionError } from '../option-checks';
import { rowElements } from '../runner/door';
import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, type DataOf, type DType } from '../tensor/dtype';
import { formatShape } from '../tensor/tensor';
import type { FeatureValue } from './feature-store';
import { type FeatureSpec, isRequestKey, type ParsedFeatureOptions } from './options';
import { describeElements, writeElements } from './values';

/** Where one feature goes. */
export interface FeaturePlace {
  readonly name: string;
  /** Which of the store's answers is its value. */
  readonly column: number;
  readonly dtype: DType;
  /** Where it begins in a row of its input, and how many elements it takes. */
  readonly offset: number;
  readonly size: number;
  /** What stands in for it, as elements of the dtype. */
  readonly standIn: DataOf | undefined;
  readonly maxAgeMs: number;
}

/** An input of the model that features make up. */
export interface JoinedInput {
  readonly spec: TensorSpec;
  readonly rowElements: number;
  readonly places: readonly FeaturePlace[];
}

/** What of a model's inputs comes from where. */
export interface FeaturePlan {
  /** What the caller is asked for. */
  readonly signature: ModelSignature;
  /** Inputs that go to the model as the caller gave them. */
  readonly passed: readonly string[];
  readonly joined: readonly JoinedInput[];
  /** Names that the store is asked for, none twice. */
  readonly columns: readonly string[];
  /** The names of every place, in order. */
  readonly placeNames: readonly string[];
}

/** Join keys that are inputs. */
type KeyDTypes = Readonly<Record<string, DType>>;

const owner = 'withFeatures';

/**
 * Lays out which features make up which inputs.
 * @throws FairleadError `INVALID_OPTION` where they cannot: an unknown input, elements that do not add up, a default that
 * is none
 */
export function planFeatures(signature: ModelSignature, options: ParsedFeatureOptions): FeaturePlan {
  const { inputs, batchAxis } = signature;
  const { features, entity } = options;
  if (Object.keys(features).length === 0) throw optionError(owner, 'features', 'at least one input', features);
  const columns = new Map<string, number>();
  const joined: JoinedInput[] = [];
  for (const [name, given] of Object.entries(features)) {
    const spec = inputs.find((input) => input.name === name);
    if (spec === undefined) {
      const expected = `an input of the model: ${inputs.map((input) => `"${input.name}"`).join(', ')}`;
      throw optionError(owner, `features.${name}`, expected, name);
    }
    const specs = (Array.isArray(given) ? given : [given]) as readonly (string | FeatureSpec)[];
    joined.push(planInput(spec, batchAxis, specs, options.maxAgeMs, columns));
  }
  const passed = inputs.filter((input) => !Object.hasOwn(features, input.name));
  const keys =
    typeof entity === 'function' || isRequestKey(entity)
      ? []
      : keyInputs(entity as KeyDTypes, passed, signature, features);
  return {
    signature: { ...signature, inputs: [...passed, ...keys] },
    passed: passed.map((input) => input.name),
    joined,
    columns: [...columns.keys()],
    placeNames: joined.flatMap(({ places }) => places.map((place) => place.name)),
  };
}

function planInput(
  spec: TensorSpec,
  batchAxis: number | null,
  given: readonly (string | FeatureSpec)[],
  maxAgeMs: number | undefined,
  columns: Map<string, number>,
): JoinedInput {
  const field = `features.${spec.name}`;
  const elements = rowElements(spec, batchAxis);
  if (elements === undefined || (batchAxis ?? 0) !== 0) {
    const expected = 'an input whose axes are fixed but for the rows, which come first';
    throw optionError(owner, field, expected, `shape ${formatShape(spec.shape)}`);
  }
  let offset = 0;
  const places = given.map((feature, index): FeaturePlace => {
    const {
      name,
      size = given.length === 1 ? elements : 1,
      ...rest
    }: FeatureSpec = typeof feature === 'string' ? { name: feature } : feature;
    const column = columns.get(name) ?? columns.size;
    columns.set(name, column);
    const place = {
      name,
      column,
      dtype: spec.dtype,
      offset,
      size,
      standIn: rest.default === undefined ? undefined : standInOf(rest.default, spec.dtype, size, `${field}[${index}]`),
      maxAgeMs: rest.maxAgeMs ?? maxAgeMs ?? Number.POSITIVE_INFINITY,
    };
    offset += size;
    return place;
  });
  if (offset !== elements) {
    const expected = `features of ${elements} elements in all, as a row of ${formatShape(spec.shape)} has`;
    throw optionError(owner, field, expected, `${offset} elements`);
  }
  return { spec, rowElements: elements, places };
}

function standInOf(value: FeatureValue, dtype: DType, size: number, field: string): DataOf {
  const data = allocateData(dtype, size);
  const whole = Array.isArray(value) ? value : new Array(size).fill(value);
  if (!writeElements(dtype, data, 0, size, size === 1 && !Array.isArray(value) ? value : whole)) {
    throw optionError(owner, `${field}.default`, describeElements(dtype, size), value);
  }
  return data;
}

/** The join keys that the model does not know yet, as inputs of one value a row. */
function keyInputs(
  entity: KeyDTypes,
  passed: readonly TensorSpec[],
  { inputs, batchAxis }: ModelSignature,
  features: Readonly<Record<string, unknown>>,
): TensorSpec[] {
  // Called as in the model; whatever it is, as many rows as the other inputs have.
  const rows = batchAxis === null ? 1 : (inputs[0]?.shape[batchAxis] ?? 'batch');
  const added: TensorSpec[] = [];
  for (const [name, dtype] of Object.entries(entity)) {
    const known = passed.find((input) => input.name === name);
    if (Object.hasOwn(features, name)) {
      throw optionError(owner, `entity.${name}`, 'a join key that is not itself looked up', dtype);
    }
    if (known === undefined) added.push({ name, dtype, shape: [rows] });
    else if (known.dtype !== dtype || rowElements(known, batchAxis) !== 1) {
      const expected = `the dtype of the model's input, of one value a row: ${known.dtype} ${formatShape(known.shape)}`;
      throw optionError(owner, `entity.${name}`, expected, dtype);
    }
  }
  return added;
}

/** The error of a value that cannot be what the model's input is. */
export function wrongValue(place: FeaturePlace, entity: string, given: string): FairleadError {
  const expected = describeElements(place.dtype, place.size);
  return new FairleadError(
    'OUTPUT_INVALID',
    `Feature "${place.name}" of ${entity}: expected ${expected}, given ${given}. Mend what writes the store, or the input that the feature is joined to.`,
    { details: { field: place.name, expected, given } },
  );
}
