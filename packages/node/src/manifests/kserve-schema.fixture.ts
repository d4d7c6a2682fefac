import * as z from 'zod/mini';
import type { Manifest } from './pod';

/*
 * KServe's own fields of an InferenceService (serving.kserve.io/v1beta1) that a generated manifest may have, strictly, and what its
 * admission webhook asks beside. The rest of a predictor is a pod, which has the schema of pods. test/interop holds the same
 * manifests against the classes of KServe's own SDK.
 */

const count = z.int().check(z.minimum(0));
const text = z.string().check(z.minLength(1));

const metric = z.strictObject({
  type: z.literal('External'),
  external: z.strictObject({
    metric: z.strictObject({
      backend: z.enum(['prometheus', 'graphite']),
      serverAddress: text,
      query: text,
    }),
    target: z.strictObject({
      type: z.literal('Value'),
      value: z.string().check(z.regex(/^\d+(\.\d+)?(m|[kMGTPE]i?)?$/)),
    }),
  }),
});

/** What KServe adds to the fields of a pod. */
const predictor = z.strictObject({
  annotations: z.optional(z.record(z.string(), z.string())),
  minReplicas: count,
  maxReplicas: count,
  scaleMetric: z.optional(z.enum(['cpu', 'memory', 'concurrency', 'rps'])),
  scaleTarget: z.optional(z.int().check(z.minimum(1))),
  autoScaling: z.optional(z.strictObject({ metrics: z.array(metric).check(z.minLength(1)) })),
  canaryTrafficPercent: z.optional(z.int().check(z.minimum(0), z.maximum(100))),
});
const ownFields = Object.keys(predictor.shape);

const inferenceService = z.strictObject({
  apiVersion: z.literal('serving.kserve.io/v1beta1'),
  kind: z.literal('InferenceService'),
  metadata: z.strictObject({
    name: z.string().check(z.regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/)),
    namespace: z.optional(text),
    labels: z.record(z.string(), z.string()),
    annotations: z.strictObject({
      'serving.kserve.io/deploymentMode': z.enum(['Standard', 'Knative', 'RawDeployment', 'Serverless']),
      'serving.kserve.io/autoscalerClass': z.optional(z.enum(['hpa', 'keda', 'external', 'none'])),
    }),
  }),
  spec: z.strictObject({ predictor }),
});

/** What of an InferenceService KServe takes care of, and the pod that is left. */
export function splitPredictor(manifest: Manifest): { readonly own: Manifest; readonly pod: Manifest } {
  const { predictor: given } = manifest.spec as { readonly predictor: Manifest };
  const entries = Object.entries(given);
  return {
    own: Object.fromEntries(entries.filter(([name]) => ownFields.includes(name))),
    pod: Object.fromEntries(entries.filter(([name]) => !ownFields.includes(name))),
  };
}

/**
 * What KServe would refuse.
 *
 * @param version whether the webhook is that of 0.16 and later, which knows the modes by their new names alone
 */
export function kserveFaults(manifest: Manifest, version: 'before 0.16' | '0.16 or later'): readonly string[] {
  const { own } = splitPredictor(manifest);
  const parsed = inferenceService.safeParse({ ...manifest, spec: { predictor: own } });
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  const { metadata, spec } = parsed.data;
  const mode = metadata.annotations['serving.kserve.io/deploymentMode'];
  const autoscaler = metadata.annotations['serving.kserve.io/autoscalerClass'];
  const { minReplicas, maxReplicas, scaleMetric, scaleTarget, autoScaling } = spec.predictor;
  const isDeployment = version === 'before 0.16' ? mode === 'RawDeployment' : mode === 'Standard';
  const byRequests = scaleMetric === undefined || scaleMetric === 'concurrency' || scaleMetric === 'rps';
  return [
    ...(minReplicas > maxReplicas && maxReplicas !== 0 ? ['minReplicas is greater than maxReplicas'] : []),
    ...(version === 'before 0.16' && (mode === 'Standard' || mode === 'Knative') ? [`no mode ${mode}`] : []),
    ...(!isDeployment && !byRequests ? [`[${scaleMetric}] is not a supported metric`] : []),
    ...(isDeployment && autoscaler === 'hpa' && (byRequests || (scaleTarget ?? 80) > 100)
      ? ['no metric of the HPA']
      : []),
    ...(autoscaler === 'keda' && scaleMetric !== undefined ? ['ScaleMetric is not supported for KEDA'] : []),
    ...(autoscaler === 'hpa' && autoScaling !== undefined ? ['the HPA knows metrics of resources alone'] : []),
  ];
}
