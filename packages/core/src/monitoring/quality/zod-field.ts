import { FairleadError } from '../../errors';
import { type Category, type FieldType, schemaLimits } from './schema';
import type { ZodCheckDefinition, ZodDefinition, ZodSchema } from './zod-definition';

/** What a field's schema says, as far as it was read. */
export interface FieldDraft {
  type: FieldType;
  integer: boolean;
  missing: boolean;
  minimum: number | undefined;
  maximum: number | undefined;
  exclusiveMinimum: number | undefined;
  exclusiveMaximum: number | undefined;
  minimumLength: number | undefined;
  maximumLength: number | undefined;
  categories: Category[] | undefined;
  patterns: { name: string; pattern: RegExp }[];
  /** Why zod has to validate the field. */
  validate: string | undefined;
}

const wrappers = new Set(['readonly', 'nonoptional']);
const missingWrappers = new Set(['optional', 'nullable', 'default', 'prefault', 'catch']);
const types: Readonly<Record<string, FieldType>> = {
  string: 'string',
  number: 'number',
  int: 'number',
  bigint: 'number',
  boolean: 'boolean',
  date: 'date',
};

/**
 * Reads the schema of one field.
 * @throws FairleadError `UNSUPPORTED` for a type of which no row can hold a value
 */
export function readField(schema: ZodSchema, field: string): FieldDraft {
  const draft: FieldDraft = {
    type: 'any',
    integer: false,
    missing: false,
    minimum: undefined,
    maximum: undefined,
    exclusiveMinimum: undefined,
    exclusiveMaximum: undefined,
    minimumLength: undefined,
    maximumLength: undefined,
    categories: undefined,
    patterns: [],
    validate: undefined,
  };
  readInto(draft, schema, field);
  return draft;
}

function readInto(draft: FieldDraft, schema: ZodSchema, field: string): void {
  const { def } = schema._zod;
  if (wrappers.has(def.type) || missingWrappers.has(def.type)) {
    if (missingWrappers.has(def.type)) draft.missing = true;
    if (def.type === 'nonoptional') draft.missing = false;
    if (def.type === 'catch') draft.validate = 'a value that replaces wrong ones';
    readInto(draft, def.innerType as ZodSchema, field);
    // `nonoptional` takes away what the inside allows.
    if (def.type === 'nonoptional') draft.missing = false;
    return;
  }
  if (def.coerce === true) draft.validate ??= 'a conversion of the value';
  const literals = literalsOf(def);
  if (literals !== undefined) {
    readLiterals(draft, literals);
    readChecks(draft, def);
    return;
  }
  const type = Object.hasOwn(types, def.type) ? types[def.type] : undefined;
  if (type !== undefined) {
    draft.type = type;
    if (def.type === 'bigint' || def.type === 'int') draft.integer = true;
    readChecks(draft, def);
    if (def.type === 'number') refuseInfinities(draft);
    return;
  }
  if (def.type === 'any' || def.type === 'unknown') {
    draft.missing = true;
    readChecks(draft, def);
    return;
  }
  if (neverInRows.has(def.type)) throw unsupported(field, `the type ${def.type}`);
  draft.validate ??= `the type ${def.type}`;
}

/** A number of zod 4 is finite. */
function refuseInfinities(draft: FieldDraft): void {
  if (draft.exclusiveMinimum === undefined) draft.minimum ??= -Number.MAX_VALUE;
  if (draft.exclusiveMaximum === undefined) draft.maximum ??= Number.MAX_VALUE;
}

/** Types of which no row can hold a value, or which only a promise can tell. */
const neverInRows = new Set(['never', 'void', 'undefined', 'null', 'symbol', 'function', 'promise']);

function readLiterals(draft: FieldDraft, literals: readonly unknown[]): void {
  const values = literals.filter((value) => value !== null && value !== undefined);
  if (values.length < literals.length) draft.missing = true;
  const fit = values.every((value) => ['string', 'number', 'boolean'].includes(typeof value));
  if (!fit || values.length === 0 || values.length > schemaLimits.categories) {
    draft.validate ??= 'literals that are no categories';
    return;
  }
  const kinds = new Set(values.map((value) => typeof value));
  draft.type = kinds.size === 1 ? ([...kinds][0] as FieldType) : 'any';
  draft.categories = [...new Set(values as Category[])];
}

/** The values of an enum, of literals, or of a union of those; `undefined` for another schema. */
function literalsOf(def: ZodDefinition): readonly unknown[] | undefined {
  if (def.type === 'enum') return enumValues(def.entries ?? {});
  if (def.type === 'literal') return def.values ?? [];
  if (def.type === 'null') return [null];
  if (def.type !== 'union') return undefined;
  const all: unknown[] = [];
  for (const option of def.options ?? []) {
    const values = literalsOf(option._zod.def);
    if (values === undefined || (option._zod.def.checks?.length ?? 0) > 0) return undefined;
    all.push(...values);
  }
  return all;
}

/** TypeScript gives an enum of numbers a second entry for each, from the number to its name. */
function enumValues(entries: Readonly<Record<string, string | number>>): (string | number)[] {
  const numbers = new Set(Object.values(entries).filter((value) => typeof value === 'number'));
  return Object.entries(entries)
    .filter(([key]) => !numbers.has(Number(key)))
    .map(([, value]) => value);
}

function readChecks(draft: FieldDraft, def: ZodDefinition): void {
  if (def.check !== undefined) readCheck(draft, def);
  for (const check of def.checks ?? []) readCheck(draft, check._zod.def);
}

function readCheck(draft: FieldDraft, def: ZodCheckDefinition): void {
  switch (def.check) {
    case 'greater_than':
      if (def.inclusive === true) draft.minimum = tighter(Math.max, draft.minimum, def.value);
      else draft.exclusiveMinimum = tighter(Math.max, draft.exclusiveMinimum, def.value);
      break;
    case 'less_than':
      if (def.inclusive === true) draft.maximum = tighter(Math.min, draft.maximum, def.value);
      else draft.exclusiveMaximum = tighter(Math.min, draft.exclusiveMaximum, def.value);
      break;
    case 'number_format':
    case 'bigint_format':
      readNumberFormat(draft, def.format ?? '');
      break;
    case 'min_length':
      draft.minimumLength = tighter(Math.max, draft.minimumLength, def.minimum);
      break;
    case 'max_length':
      draft.maximumLength = tighter(Math.min, draft.maximumLength, def.maximum);
      break;
    case 'length_equals':
      draft.minimumLength = tighter(Math.max, draft.minimumLength, def.length);
      draft.maximumLength = tighter(Math.min, draft.maximumLength, def.length);
      break;
    case 'string_format':
      readStringFormat(draft, def);
      break;
    default:
      draft.validate ??= def.check === 'custom' ? 'a refinement' : `the check ${def.check}`;
  }
}

function readNumberFormat(draft: FieldDraft, format: string): void {
  const bounds: Readonly<Record<string, readonly [number, number]>> = {
    safeint: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    int32: [-(2 ** 31), 2 ** 31 - 1],
    uint32: [0, 2 ** 32 - 1],
    float32: [-3.4028234663852886e38, 3.4028234663852886e38],
    float64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  };
  const found = Object.hasOwn(bounds, format) ? bounds[format] : undefined;
  if (found === undefined) {
    draft.validate ??= `the format ${format}`;
    return;
  }
  if (!format.startsWith('float')) draft.integer = true;
  draft.minimum = tighter(Math.max, draft.minimum, found[0]);
  draft.maximum = tighter(Math.min, draft.maximum, found[1]);
}

/** Formats of which the pattern says only a part: zod parses the rest. */
const parsedFormats = new Set(['url', 'jwt', 'json_string', 'base64', 'base64url', 'ipv6', 'cidrv6']);

function readStringFormat(draft: FieldDraft, { format = 'pattern', pattern }: ZodCheckDefinition): void {
  if (pattern === undefined || parsedFormats.has(format)) {
    draft.validate ??= `the format ${format}`;
    return;
  }
  const name = format === 'regex' ? 'pattern' : format;
  const taken = draft.patterns.filter((other) => other.name.replace(/-\d+$/, '') === name).length;
  draft.patterns.push({ name: taken === 0 ? name : `${name}-${taken + 1}`, pattern });
}

function tighter(choose: (a: number, b: number) => number, before: number | undefined, value: unknown): number {
  const bound = value instanceof Date ? value.getTime() : Number(value);
  return before === undefined ? bound : choose(before, bound);
}

/** The error for a field that no rule can watch. */
export function unsupported(field: string, given: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `schemaFromZod: the field ${field} has ${given}. Leave it out, or write a rule for it.`,
    { details: { field, expected: 'a constraint that a rule can tell', given } },
  );
}
