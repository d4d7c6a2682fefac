import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import type { DataRecord } from './infer-schema';
import type { PatternRule, QualityRule, RecordRule, ValueRule } from './rules';
import type { DataSchema, FieldSchema } from './schema';
import { isZodSchema, type ZodSchema } from './zod-definition';
import { type FieldDraft, readField, unsupported } from './zod-field';

/** What {@link schemaFromZod} makes: both go into `createQualityMonitor`. */
export interface ZodQuality<Row = DataRecord> {
  /** What could be told as plain data. */
  readonly schema: DataSchema;
  /** What could not: patterns, and fields that are validated by zod itself. */
  readonly rules: readonly QualityRule<Row>[];
  /** The fields that zod validates, and why; each costs what zod takes. */
  readonly validated: readonly { readonly field: string; readonly reason: string }[];
}

/** A schema of zod 4 for an object, of which `Row` is the type. */
export interface ZodObjectSchema<Row> {
  readonly _zod: { readonly def: { readonly type: 'object' }; readonly output: Row };
}

/** Options of {@link schemaFromZod}. */
export interface SchemaFromZodOptions {
  /**
   * What becomes of a constraint that no rule can tell, such as a refinement or a transformation: zod validates the field
   * for every row, or the schema is refused and the error names the field.
   * @default 'validate'
   */
  readonly untranslated?: 'validate' | 'refuse';
}

/**
 * Turns the constraints of a zod 4 object into a schema and rules, all with a tolerance of 0: types, whole numbers,
 * `min` and `max`, `gt` and `lt`, lengths, `regex` and formats, enums, literals and unions of literals, booleans, dates,
 * `optional` and `nullable` (also `default`: such a value may be missing), strict objects. What else there is, zod
 * validates: a field by its own schema, a refinement of the whole object on rows whose fields are all valid. zod itself
 * is not imported.
 *
 * ```ts fragment
 * const { schema, rules } = schemaFromZod(z.object({ age: z.int().min(0).max(120) }));
 * const monitor = createQualityMonitor({ schema, rules });
 * ```
 *
 * @throws FairleadError `INVALID_ARGUMENT` when it is no object of zod 4 or has no field; `UNSUPPORTED` for a type that no
 * row can hold, or validates asynchronously, and, with `untranslated: 'refuse'`, for what no rule can tell; it names the
 * field
 */
export function schemaFromZod<Row>(
  zodObject: ZodObjectSchema<Row>,
  options: SchemaFromZodOptions = {},
): ZodQuality<Row> {
  const refuse = parseUntranslated(options) === 'refuse';
  const given: unknown = zodObject;
  if (!isZodSchema(given) || given._zod.def.type !== 'object') {
    const what = isZodSchema(given) ? `a zod schema of type ${given._zod.def.type}` : describeValue(given);
    throw wrongArgument('schema', 'z.object({ … }) of zod 4', what);
  }
  const { shape = {}, catchall, checks = [] } = given._zod.def;
  const names = Object.keys(shape);
  if (names.length === 0) throw wrongArgument('schema', 'an object with at least one field', 'an empty one');
  const rules: QualityRule[] = [];
  const validated: { field: string; reason: string }[] = [];
  const fields = names.map((name): FieldSchema => {
    const schema = shape[name] as ZodSchema;
    const draft = readField(schema, name);
    if (draft.validate !== undefined) {
      if (refuse) throw unsupported(name, `${draft.validate}, which no rule can tell`);
      rules.push(validateField(name, schema));
      validated.push({ field: name, reason: draft.validate });
      return { name, type: 'any', tolerances: { missing: 1 } };
    }
    for (const { name: rule, pattern } of draft.patterns) {
      rules.push({ rule: 'pattern', name: rule, field: name, pattern } satisfies PatternRule);
    }
    return toField(name, draft);
  });
  if (checks.length > 0) {
    if (refuse) throw unsupported(names.join(', '), 'a refinement of the whole object, which no rule can tell');
    rules.push(validateRecord(given, shape, names));
    validated.push({ field: names.join(','), reason: 'a refinement of the whole object' });
  }
  const strict = catchall?._zod.def.type === 'never';
  const schema: DataSchema = { rows: 0, fields, ...(strict ? { additionalFields: false } : {}) };
  return { schema, rules: rules as unknown as readonly QualityRule<Row>[], validated };
}

function toField(name: string, draft: FieldDraft): FieldSchema {
  const { type, integer, missing, patterns: _patterns, validate: _validate, ...bounds } = draft;
  const given = Object.entries(bounds).filter(([, value]) => value !== undefined);
  return {
    name,
    type,
    ...(integer ? { integer } : {}),
    ...Object.fromEntries(given),
    ...(missing ? { tolerances: { missing: 1 } } : {}),
  };
}

function validateField(field: string, schema: ZodSchema): ValueRule {
  const test = (value: unknown): boolean => isValid(schema, value, field);
  return { rule: 'value', name: 'zod', field, testMissing: true, test };
}

/** The object's own refinements, on rows whose fields are valid: else each wrong field would be counted twice. */
function validateRecord(
  schema: ZodSchema,
  shape: Readonly<Record<string, ZodSchema>>,
  names: readonly string[],
): RecordRule {
  const test = (row: DataRecord): boolean => {
    if (isValid(schema, row, 'the object')) return true;
    return names.some((name) => !isValid(shape[name] as ZodSchema, row[name], name));
  };
  return { rule: 'record', name: 'zod', fields: names, testMissing: true, test };
}

function isValid(schema: ZodSchema, value: unknown, field: string): boolean {
  const result = schema['~standard'].validate(value);
  if ('then' in result) throw unsupported(field, 'an asynchronous refinement');
  return result.issues === undefined;
}

function parseUntranslated({ untranslated = 'validate' }: SchemaFromZodOptions): 'validate' | 'refuse' {
  if (untranslated === 'validate' || untranslated === 'refuse') return untranslated;
  const given = describeValue(untranslated);
  throw new FairleadError(
    'INVALID_OPTION',
    `schemaFromZod: option "untranslated" is wrong: expected "validate" or "refuse", given ${given}.`,
    { details: { field: 'untranslated', expected: '"validate" or "refuse"', given } },
  );
}

function wrongArgument(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `schemaFromZod: ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
