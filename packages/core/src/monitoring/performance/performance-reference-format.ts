import * as z from 'zod/mini';
import { FairleadError, messageOf } from '../../errors';
import { metricsOf, type PerformanceMetric } from './metric-names';
import { performanceReferenceLimits as limits, type PerformanceReference } from './performance-reference';

const finite = z.number().check(z.refine(Number.isFinite));
const notNegative = finite.check(z.minimum(0));
const ascending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value > (values[i - 1] as number));
const neverFalling = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value >= (values[i - 1] as number));

const metricNames = [...new Set(Object.values(metricsOf).flat())] as [PerformanceMetric, ...PerformanceMetric[]];
const metricsSchema = z.partialRecord(
  z.enum(metricNames),
  z.strictObject({ value: finite, standardError: notNegative, rows: notNegative }),
);

const curveSchema = z
  .strictObject({
    scores: z.array(finite).check(z.minLength(1), z.maxLength(limits.knots), z.refine(ascending)),
    probabilities: z.array(finite.check(z.minimum(0), z.maximum(1))).check(z.refine(neverFalling)),
  })
  .check(z.refine(({ scores, probabilities }) => scores.length === probabilities.length));

const index = z.int().check(z.minimum(0), z.maximum(limits.features));
const treeSchema = z.strictObject({
  feature: z.array(index).check(z.length(3)),
  bin: z.array(index).check(z.length(3)),
  leaves: z.array(finite).check(z.length(4)),
});

const lossSchema = z
  .strictObject({
    base: notNegative,
    edges: z
      .array(z.array(finite).check(z.maxLength(255), z.refine(ascending)))
      .check(z.minLength(1), z.maxLength(limits.features)),
    trees: z.array(treeSchema).check(z.maxLength(limits.trees)),
    residualVariance: notNegative,
    bias: finite,
    heldOutRows: z.int().check(z.minimum(0)),
  })
  .check(z.refine(({ edges, trees }) => trees.every(({ feature }) => feature.every((f) => f < edges.length))));

const referenceSchema = z
  .strictObject({
    format: z.literal('fairlead-performance-reference'),
    version: z.literal(1),
    task: z.enum(['binary', 'multiclass', 'regression']),
    classes: z.array(z.union([z.string(), finite, z.boolean()])).check(z.maxLength(limits.classes)),
    threshold: finite.check(z.minimum(0), z.maximum(1)),
    rows: z.int().check(z.minimum(1)),
    metrics: metricsSchema,
    slices: z
      .array(z.strictObject({ slice: z.string(), part: z.string(), metrics: metricsSchema }))
      .check(z.maxLength(limits.parts)),
    calibration: z.array(curveSchema).check(z.maxLength(limits.classes)),
    losses: z.optional(z.strictObject({ absolute: lossSchema, squared: lossSchema })),
  })
  .check(z.refine(holdsTogether));

function holdsTogether({
  task,
  classes,
  calibration,
}: {
  task: string;
  classes: unknown[];
  calibration: unknown[];
}): boolean {
  if (new Set(classes).size !== classes.length) return false;
  if (task === 'regression') return classes.length === 0 && calibration.length === 0;
  if (task === 'binary') return classes.length === 2 && calibration.length <= 1;
  return classes.length >= 2 && (calibration.length === 0 || calibration.length === classes.length);
}

/** A reference as JSON in UTF-8: what travels with the model. */
export function serializePerformanceReference(reference: PerformanceReference): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(checkPerformanceReference(reference)));
}

/**
 * Reads what {@link serializePerformanceReference} wrote.
 *
 * @throws FairleadError `STORE_CORRUPT` for what is no reference, `UNSUPPORTED` for a later version, `LIMIT_EXCEEDED` for
 * more than 64 MiB
 */
export function parsePerformanceReference(bytes: Uint8Array): PerformanceReference {
  if (bytes.byteLength > limits.bytes) {
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `performance reference: expected at most ${limits.bytes} bytes, given ${bytes.byteLength}. Fit it on fewer rows.`,
      { details: { field: 'bytes', expected: `at most ${limits.bytes}`, given: String(bytes.byteLength) } },
    );
  }
  let plain: unknown;
  try {
    plain = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw corrupt('bytes', 'JSON in UTF-8', messageOf(error));
  }
  return checkPerformanceReference(plain);
}

/**
 * Checks that a plain object is a reference, as one that lies in another JSON file.
 * @throws FairleadError `STORE_CORRUPT`, `UNSUPPORTED`
 */
export function checkPerformanceReference(plain: unknown): PerformanceReference {
  const { format, version } = (plain ?? {}) as { format?: unknown; version?: unknown };
  if (format === 'fairlead-performance-reference' && typeof version === 'number' && version > 1) {
    throw new FairleadError('UNSUPPORTED', `A performance reference has version ${version}. Upgrade @fairlead/core.`, {
      details: { field: 'version', expected: '1', given: String(version) },
    });
  }
  const result = referenceSchema.safeParse(plain);
  if (!result.success) {
    const path = result.error.issues[0]?.path.map(String).join('.') || 'reference';
    throw corrupt(path, 'what fitPerformanceReference makes', 'something else');
  }
  return plain as PerformanceReference;
}

function corrupt(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'STORE_CORRUPT',
    `performance reference: "${field}" is wrong: expected ${expected}, given ${given}. Fit it again with fitPerformanceReference.`,
    { details: { field, expected, given } },
  );
}
