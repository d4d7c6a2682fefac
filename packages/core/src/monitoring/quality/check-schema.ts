import * as z from 'zod/mini';
import type { FairleadError } from '../../errors';
import { dtypes } from '../../tensor/dtype';
import { type DataSchema, type FieldSchema, schemaLimits } from './schema';

const name = z.string().check(z.minLength(1), z.maxLength(schemaLimits.nameLength));
const share = z.number().check(z.minimum(0), z.maximum(1));
const length = z.int().check(z.minimum(0));

const fieldSchema = z.strictObject({
  name,
  type: z.enum(['number', 'boolean', 'string', 'date', 'any']),
  integer: z.optional(z.boolean()),
  minimum: z.optional(z.number()),
  maximum: z.optional(z.number()),
  exclusiveMinimum: z.optional(z.number()),
  exclusiveMaximum: z.optional(z.number()),
  categories: z.optional(
    z
      .array(z.union([z.string().check(z.maxLength(schemaLimits.nameLength)), z.number(), z.boolean()]))
      .check(z.minLength(1), z.maxLength(schemaLimits.categories)),
  ),
  minimumLength: z.optional(length),
  maximumLength: z.optional(length),
  commonestShare: z.optional(z.number().check(z.gt(0), z.lt(1))),
  collisionRate: z.optional(share),
  tolerances: z.optional(
    z.strictObject({
      missing: z.optional(share),
      type: z.optional(share),
      range: z.optional(share),
      category: z.optional(share),
      length: z.optional(share),
    }),
  ),
});

const dataSchema = z.strictObject({
  rows: length,
  inputs: z.optional(
    z
      .array(
        z.strictObject({
          name,
          dtype: z.enum(dtypes),
          width: z.int().check(z.minimum(1), z.maximum(schemaLimits.fields)),
        }),
      )
      .check(z.minLength(1), z.maxLength(schemaLimits.fields)),
  ),
  fields: z.array(fieldSchema).check(z.minLength(1), z.maxLength(schemaLimits.fields)),
  additionalFields: z.optional(z.boolean()),
});

/** Makes the error for a field of a schema that is wrong. */
export type SchemaFault = (field: string, expected: string, given: string, cause?: unknown) => FairleadError;

/**
 * Checks that plain data is a schema that does not contradict itself.
 *
 * @param fault makes the error to throw
 */
export function checkSchema(value: unknown, fault: SchemaFault): DataSchema {
  const result = dataSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = ['schema', ...(issue?.path ?? []).map(String)].join('.');
    throw fault(field, 'what inferSchema makes', issue?.message ?? 'something else', result.error);
  }
  // zod's optional fields may be `undefined`, which a schema's may not be; JSON knows none.
  const schema = result.data as DataSchema;
  refuseDuplicates('schema.fields', schema.fields, fault);
  for (const [index, field] of schema.fields.entries()) checkField(field, `schema.fields.${index}`, fault);
  if (schema.inputs !== undefined) {
    refuseDuplicates('schema.inputs', schema.inputs, fault);
    const width = schema.inputs.reduce((sum, input) => sum + input.width, 0);
    if (width !== schema.fields.length) {
      throw fault('schema.fields', `${width} fields, as the inputs have values`, String(schema.fields.length));
    }
  }
  return schema;
}

function checkField(field: FieldSchema, path: string, fault: SchemaFault): void {
  const { type, minimum, maximum, minimumLength, maximumLength } = field;
  const bounded = [minimum, maximum, field.exclusiveMinimum, field.exclusiveMaximum].some(
    (bound) => bound !== undefined,
  );
  if (bounded && type !== 'number' && type !== 'date') {
    throw fault(`${path}.minimum`, 'bounds only where the type is number or date', `type ${type}`);
  }
  if (field.integer === true && type !== 'number') {
    throw fault(`${path}.integer`, 'whole numbers only where the type is number', `type ${type}`);
  }
  if ((minimumLength !== undefined || maximumLength !== undefined) && type !== 'string') {
    throw fault(`${path}.minimumLength`, 'lengths only where the type is string', `type ${type}`);
  }
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
    throw fault(`${path}.minimum`, `at most ${maximum}, the maximum`, String(minimum));
  }
  if (minimumLength !== undefined && maximumLength !== undefined && minimumLength > maximumLength) {
    throw fault(`${path}.minimumLength`, `at most ${maximumLength}, the maximum`, String(minimumLength));
  }
}

function refuseDuplicates(field: string, list: readonly { readonly name: string }[], fault: SchemaFault): void {
  const seen = new Set<string>();
  for (const { name: one } of list) {
    if (seen.has(one)) throw fault(field, 'names that occur once', `"${one}" twice`);
    seen.add(one);
  }
}
