import * as z from 'zod/mini';
import type { FairleadError } from '../errors';
import { dtypes } from '../tensor/dtype';
import { type Reference, type ReferenceFeature, referenceLimits, type SeasonalReferences } from './reference';
import { seasonCount, seasonKinds } from './seasons';

const count = z.int().check(z.minimum(0));
const moment = z.nullable(z.number());

const featureSchema = z.strictObject({
  name: z.string().check(z.minLength(1)),
  edges: z.array(z.number()).check(z.maxLength(referenceLimits.edges)),
  counts: z.array(count).check(z.maxLength(referenceLimits.edges + 1)),
  missing: count,
  negativeInfinity: count,
  positiveInfinity: count,
  mean: moment,
  deviation: moment,
  minimum: moment,
  maximum: moment,
});

const plainSchema = {
  rows: z.int().check(z.minimum(1)),
  rowsRead: z.int().check(z.minimum(1)),
  inputs: z
    .array(
      z.strictObject({
        name: z.string().check(z.minLength(1)),
        dtype: z.enum(dtypes.filter((dtype) => dtype !== 'string')),
        width: z.int().check(z.minimum(1), z.maximum(referenceLimits.features)),
      }),
    )
    .check(z.minLength(1), z.maxLength(referenceLimits.features)),
  features: z.array(featureSchema).check(z.minLength(1), z.maxLength(referenceLimits.features)),
};

const referenceSchema = z.strictObject({
  ...plainSchema,
  seasons: z.optional(
    z.strictObject({
      kind: z.enum(seasonKinds),
      utcOffsetMinutes: z.int().check(z.minimum(-1440), z.maximum(1440)),
      references: z.array(z.nullable(z.strictObject(plainSchema))).check(z.maxLength(168)),
    }),
  ),
});

/** Makes the error for a field of a reference that is wrong. */
export type ReferenceFault = (field: string, expected: string, given: string, cause?: unknown) => FairleadError;

/**
 * Checks that plain data is a reference that does not contradict itself: sizes, counts, the order of edges, sums.
 *
 * @param fault makes the error to throw
 */
export function checkReference(value: unknown, fault: ReferenceFault): Reference {
  const result = referenceSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = ['reference', ...(issue?.path ?? []).map(String)].join('.');
    throw fault(field, 'what fitReference makes', issue?.message ?? 'something else', result.error);
  }
  const { seasons, ...whole } = result.data;
  checkPlain(whole, 'reference', fault);
  if (seasons === undefined) return whole;
  checkSeasons(seasons, whole, fault);
  return { ...whole, seasons };
}

function checkSeasons(seasons: SeasonalReferences, whole: Reference, fault: ReferenceFault): void {
  const { kind, references } = seasons;
  if (references.length !== seasonCount(kind)) {
    throw fault('reference.seasons.references', `${seasonCount(kind)} of ${kind}`, String(references.length));
  }
  for (const [season, reference] of references.entries()) {
    if (reference === null) continue;
    const field = `reference.seasons.references.${season}`;
    checkPlain(reference, field, fault);
    if (JSON.stringify(reference.inputs) !== JSON.stringify(whole.inputs)) {
      throw fault(`${field}.inputs`, 'the inputs of the whole', 'others');
    }
    if (!reference.features.every(({ name }, index) => name === whole.features[index]?.name)) {
      throw fault(`${field}.features`, 'the names of the whole', 'others');
    }
  }
}

function checkPlain(reference: Reference, field: string, fault: ReferenceFault): void {
  const { rows, rowsRead, inputs, features } = reference;
  const width = inputs.reduce((sum, input) => sum + input.width, 0);
  if (width !== features.length) {
    throw fault(`${field}.features`, `${width} features, as the inputs have values`, String(features.length));
  }
  refuseDuplicates(`${field}.inputs`, inputs, fault);
  refuseDuplicates(`${field}.features`, features, fault);
  if (rowsRead < rows) throw fault(`${field}.rowsRead`, `at least ${rows} rows`, String(rowsRead));
  for (const [index, feature] of features.entries()) {
    checkFeature(feature, `${field}.features.${index}`, rows, fault);
  }
}

function checkFeature(feature: ReferenceFeature, field: string, rows: number, fault: ReferenceFault): void {
  const { edges, counts, missing, negativeInfinity, positiveInfinity } = feature;
  if (counts.length !== edges.length + 1) {
    throw fault(`${field}.counts`, `${edges.length + 1} counts for ${edges.length} edges`, String(counts.length));
  }
  for (let i = 1; i < edges.length; i++) {
    if ((edges[i] as number) <= (edges[i - 1] as number)) {
      throw fault(`${field}.edges`, 'ascending edges', `${edges[i]} after ${edges[i - 1]}`);
    }
  }
  const sum = counts.reduce((total, inBin) => total + inBin, missing + negativeInfinity + positiveInfinity);
  if (sum !== rows) throw fault(`${field}.counts`, `counts and tallies that add up to ${rows} rows`, String(sum));
}

function refuseDuplicates(field: string, list: readonly { readonly name: string }[], fault: ReferenceFault): void {
  const seen = new Set<string>();
  for (const { name } of list) {
    if (seen.has(name)) throw fault(field, 'names that occur once', `"${name}" twice`);
    seen.add(name);
  }
}
