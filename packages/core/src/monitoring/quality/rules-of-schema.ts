import type { FieldRule } from './rules';
import type { DataSchema, FieldSchema } from './schema';

/**
 * The rules that a schema stands for.
 *
 * @param keyRows rows among which equal keys are looked for
 */
export function rulesOfSchema(schema: DataSchema, keyRows: number): FieldRule[] {
  return schema.fields.flatMap((field) => rulesOfField(field, keyRows));
}

function rulesOfField(field: FieldSchema, keyRows: number): FieldRule[] {
  const { name, type, integer, categories, minimumLength, maximumLength, commonestShare, collisionRate } = field;
  const { tolerances = {} } = field;
  const rules: FieldRule[] = [];
  // A field that may always be missing has no such rule.
  const mayMiss = tolerances.missing ?? 0;
  if (mayMiss < 1) rules.push({ rule: 'missing', field: name, tolerance: mayMiss });
  if (type !== 'any') {
    rules.push({ rule: 'type', field: name, type, integer: integer ?? false, tolerance: tolerances.type ?? 0 });
  }
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field;
  const bounds = Object.entries({ minimum, maximum, exclusiveMinimum, exclusiveMaximum });
  const given = bounds.filter(([, bound]) => bound !== undefined);
  if (given.length > 0) {
    rules.push({ rule: 'range', field: name, ...Object.fromEntries(given), tolerance: tolerances.range ?? 0 });
  }
  if (categories !== undefined) {
    rules.push({ rule: 'category', field: name, values: categories, tolerance: tolerances.category ?? 0 });
  }
  if (minimumLength !== undefined || maximumLength !== undefined) {
    const lengths = Object.entries({ minimum: minimumLength, maximum: maximumLength });
    const known = Object.fromEntries(lengths.filter(([, bound]) => bound !== undefined));
    rules.push({ rule: 'length', field: name, ...known, tolerance: tolerances.length ?? 0 });
  }
  if (commonestShare !== undefined) rules.push({ rule: 'constant', field: name, commonestShare });
  // Of so many rows each has half of them before it on average, any of which may be its equal.
  if (collisionRate !== undefined) {
    rules.push({ rule: 'unique', field: name, tolerance: Math.min(1, (collisionRate * (keyRows - 1)) / 2) });
  }
  return rules;
}
