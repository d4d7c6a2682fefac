import { checkReference } from '../check-reference';
import type { Reference, ReferenceFeature } from '../reference';
import { invalidInput } from '../rows';
import { shareUpperBound } from './binomial';
import { type ProfileRules, widen } from './field-profile';
import type { DataSchema, FieldSchema } from './schema';

/**
 * The schema that a reference holds: ranges and shares of missing values. What bins do not tell, such as categories and
 * whole numbers, is left open.
 *
 * @throws FairleadError `INVALID_INPUT` when the reference contradicts itself
 */
export function schemaFromReference(reference: Reference, rules: Omit<ProfileRules, 'maxCategories'>): DataSchema {
  const { rows, inputs, features } = checkReference(reference, invalidInput);
  return { rows, inputs, fields: features.map((feature) => fieldOf(feature, rows, rules)) };
}

function fieldOf(
  feature: ReferenceFeature,
  rows: number,
  { margin, shareMargin, confidence }: Omit<ProfileRules, 'maxCategories'>,
): FieldSchema {
  const { name, minimum, maximum, missing, negativeInfinity, positiveInfinity, counts } = feature;
  const present = rows - missing;
  const infinite = negativeInfinity + positiveInfinity;
  const commonestShare = present === 0 ? 1 : shareUpperBound(Math.max(infinite, ...counts), present, confidence);
  const ranged = minimum !== null && maximum !== null;
  const outside = shareUpperBound(1 + infinite, Math.max(1, present), confidence);
  return {
    name,
    type: 'number',
    ...(ranged ? widen(minimum, maximum, margin, false) : {}),
    ...(commonestShare < 1 ? { commonestShare } : {}),
    tolerances: {
      missing: Math.min(1, shareUpperBound(missing, rows, confidence) + shareMargin),
      ...(ranged ? { range: outside } : {}),
    },
  };
}
