import * as z from 'zod/mini';
import { describeValue, parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { QualityRule } from './rules';
import { type DataSchema, schemaLimits } from './schema';

const name = z.string().check(z.minLength(1, 'a name that is not empty'), z.maxLength(schemaLimits.nameLength));
const tolerance = z.optional(z.number().check(z.minimum(0), z.maximum(1)));
const bound = z.optional(z.number());
const length = z.optional(z.int().check(z.minimum(0)));
const test = z.custom((value) => typeof value === 'function', 'a function that answers true or false');
const shared = { name: z.optional(name), tolerance };

const schemas = {
  missing: z.strictObject({ ...shared, rule: z.literal('missing'), field: name }),
  type: z.strictObject({
    ...shared,
    rule: z.literal('type'),
    field: name,
    type: z.enum(['number', 'boolean', 'string', 'date', 'any']),
    integer: z.optional(z.boolean()),
  }),
  range: z.strictObject({
    ...shared,
    rule: z.literal('range'),
    field: name,
    minimum: bound,
    maximum: bound,
    exclusiveMinimum: bound,
    exclusiveMaximum: bound,
  }),
  category: z.strictObject({
    ...shared,
    rule: z.literal('category'),
    field: name,
    values: z
      .array(z.union([z.string(), z.number(), z.boolean()]))
      .check(z.minLength(1), z.maxLength(schemaLimits.categories)),
  }),
  length: z.strictObject({ ...shared, rule: z.literal('length'), field: name, minimum: length, maximum: length }),
  pattern: z.strictObject({ ...shared, rule: z.literal('pattern'), field: name, pattern: z.instanceof(RegExp) }),
  monotone: z.strictObject({
    ...shared,
    rule: z.literal('monotone'),
    field: name,
    direction: z.enum(['increasing', 'decreasing']),
    strict: z.optional(z.boolean()),
  }),
  unique: z.strictObject({ ...shared, rule: z.literal('unique'), field: name }),
  constant: z.strictObject({
    name: shared.name,
    rule: z.literal('constant'),
    field: name,
    commonestShare: z.optional(z.number().check(z.gt(0), z.lt(1))),
  }),
  freshness: z.strictObject({
    name: shared.name,
    rule: z.literal('freshness'),
    field: z.optional(name),
    maxAgeMs: z.number().check(z.gt(0)),
    maxAheadMs: z.optional(z.number().check(z.minimum(0))),
  }),
  record: z.strictObject({
    name,
    tolerance,
    rule: z.literal('record'),
    fields: z.array(name).check(z.minLength(1), z.maxLength(schemaLimits.fields)),
    testMissing: z.optional(z.boolean()),
    test,
  }),
  value: z.strictObject({
    name,
    tolerance,
    rule: z.literal('value'),
    field: name,
    testMissing: z.optional(z.boolean()),
    test,
  }),
} satisfies Record<QualityRule['rule'], z.ZodMiniType>;

const owner = 'createQualityMonitor';

/**
 * Checks rules before anything is made of them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkRules(rules: readonly QualityRule[], schema: DataSchema | undefined): void {
  const fields = schema === undefined ? undefined : new Set(schema.fields.map((field) => field.name));
  const seen = new Set<string>();
  rules.forEach((rule, index) => {
    const place = `rules.${index}`;
    const kind: unknown = (rule as { rule?: unknown } | null | undefined)?.rule;
    if (typeof kind !== 'string' || !Object.hasOwn(schemas, kind)) {
      throw wrong(`${place}.rule`, `one of ${Object.keys(schemas).join(', ')}`, describeValue(kind));
    }
    parseOptions(schemas[kind as QualityRule['rule']], rule, `${owner}, ${place}`);
    checkBounds(rule, place);
    const named = rule.rule === 'record' ? rule.fields : rule.field === undefined ? [] : [rule.field];
    for (const field of named) {
      if (fields === undefined || fields.has(field)) continue;
      throw wrong(place, `fields of the schema (${[...fields].slice(0, 20).join(', ')})`, field);
    }
    const key = JSON.stringify([rule.name ?? rule.rule, named]);
    if (seen.has(key)) {
      throw wrong(`${place}.name`, 'a name that no other rule on the same field has', rule.name ?? rule.rule);
    }
    seen.add(key);
  });
}

function checkBounds(rule: QualityRule, place: string): void {
  if (rule.rule !== 'range' && rule.rule !== 'length') return;
  const { minimum, maximum } = rule;
  const { exclusiveMinimum, exclusiveMaximum } = { exclusiveMinimum: undefined, exclusiveMaximum: undefined, ...rule };
  if ([minimum, maximum, exclusiveMinimum, exclusiveMaximum].every((one) => one === undefined)) {
    throw wrong(place, 'at least one bound', 'none');
  }
  const low = Math.max(minimum ?? Number.NEGATIVE_INFINITY, exclusiveMinimum ?? Number.NEGATIVE_INFINITY);
  const high = Math.min(maximum ?? Number.POSITIVE_INFINITY, exclusiveMaximum ?? Number.POSITIVE_INFINITY);
  if (low > high) throw wrong(place, 'a minimum of at most the maximum', `${low} and ${high}`);
}

function wrong(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
