import { type CallOptions, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { checkKey, checkTitle, invalidArgument, isDigest } from '../names';
import { checkRecord, checkTags } from '../run/values';
import type { DatasetRef } from '../store/registry-store';
import type { ApproveOptions } from './model-registry';
import type { Annotation, DeploymentDraft, EvaluationDraft, VersionDraft } from './model-version';

const specSchema = z.object({
  name: z.string(),
  dtype: z.string(),
  shape: z.array(z.union([z.number(), z.string()])),
});
const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'a Uint8Array');
const anyRecord = z.custom<Readonly<Record<string, never>>>((value) => typeof value === 'object', 'an object');
const description = z.optional(z.string().check(z.maxLength(65_536)));

const datasetSchema = z.strictObject({
  name: z.string(),
  digest: z.string().check(z.minLength(1), z.maxLength(200)),
  context: z.optional(z.string().check(z.minLength(1), z.maxLength(200))),
});

const draftSchema = z.strictObject({
  artifact: z.custom<Uint8Array | string>(
    (value) => value instanceof Uint8Array || (typeof value === 'string' && isDigest(value)),
    'a Uint8Array, or the SHA-256 of an artifact in lower-case hex',
  ),
  signature: z.optional(
    z.strictObject({
      inputs: z.array(specSchema),
      outputs: z.array(specSchema),
      batchAxis: z.nullable(z.int()),
    }),
  ),
  metrics: z.optional(anyRecord),
  tags: z.optional(anyRecord),
  description,
  run: z.optional(z.string()),
  parents: z.optional(z.array(z.string()).check(z.maxLength(100))),
  datasets: z.optional(z.array(datasetSchema).check(z.maxLength(1000))),
  sidecars: z.optional(
    z.strictObject({
      reference: z.optional(bytesSchema),
      golden: z.optional(bytesSchema),
      card: z.optional(bytesSchema),
    }),
  ),
  author: z.optional(z.string()),
  reason: z.optional(z.string().check(z.minLength(1), z.maxLength(10_000))),
});

const annotationSchema = z.strictObject({
  tags: z.optional(anyRecord),
  description,
  card: z.optional(
    z.custom<Uint8Array | string>(
      (value) => value instanceof Uint8Array || typeof value === 'string',
      'a Uint8Array or a string',
    ),
  ),
});

const evaluationSchema = z.strictObject({
  metrics: z.optional(anyRecord),
  dataset: z.optional(datasetSchema),
  run: z.optional(z.string()),
});

const deploymentSchema = z.strictObject({
  target: z.string(),
  active: z.optional(z.boolean()),
  beside: z.optional(z.boolean()),
});

const approveSchema = z.strictObject({
  gate: z.optional(z.string()),
  approved: z.optional(z.boolean()),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

function checkMetrics(metrics: unknown): asserts metrics is Readonly<Record<string, number>> {
  checkRecord('metrics', metrics);
  for (const [key, value] of Object.entries(metrics)) {
    checkKey('metric', key);
    if (typeof value !== 'number') throw invalidArgument(`metrics.${key}`, 'a number', value);
  }
}

/** A dataset's name goes into node references, in which its digest follows the last `@`. */
function checkDatasets(field: string, datasets: readonly DatasetRef[]): void {
  for (const [index, { name, digest }] of datasets.entries()) {
    checkTitle(`${field}[${index}].name`, name);
    if (/[@\s\p{Cc}]/u.test(digest)) {
      throw invalidArgument(`${field}[${index}].digest`, 'a digest without spaces and "@"', digest);
    }
  }
}

/** @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function checkDraft(draft: VersionDraft): void {
  parseOptions(draftSchema, draft, 'registerVersion');
  checkMetrics(draft.metrics ?? {});
  checkTags(draft.tags ?? {});
  checkDatasets('datasets', draft.datasets ?? []);
  if (draft.author !== undefined) checkTitle('author', draft.author);
  else if (draft.reason !== undefined) {
    throw invalidArgument('author', 'given with a reason', draft.author, 'The audit keeps who did something, and why.');
  }
}

/** @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function checkAnnotation(annotation: Annotation): void {
  parseOptions(annotationSchema, annotation, 'annotate');
  const { tags = {}, description: text, card } = annotation;
  checkRecord('tags', tags);
  checkTags(Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, value ?? ''])));
  if (Object.keys(tags).length > 0 || text !== undefined || card !== undefined) return;
  throw invalidArgument('annotation', 'an object with tags, a description or a card', annotation);
}

/** @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` */
export function checkEvaluation(evaluation: EvaluationDraft): void {
  parseOptions(evaluationSchema, evaluation, 'recordEvaluation');
  const { metrics, dataset, run } = evaluation;
  if (metrics === undefined && run === undefined) {
    throw invalidArgument('evaluation', 'an object with metrics, a run or both', evaluation);
  }
  checkMetrics(metrics ?? {});
  if (dataset !== undefined) checkDatasets('dataset', [dataset]);
}

/** @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` */
export function checkDeployment(deployment: DeploymentDraft): void {
  parseOptions(deploymentSchema, deployment, 'recordDeployment');
  checkTitle('target', deployment.target);
}

/** @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` */
export function checkApproval(options: ApproveOptions & CallOptions): void {
  parseOptions(approveSchema, options, 'approve');
  if (options.gate !== undefined) checkTitle('gate', options.gate);
}
