import { FairleadError } from '@fairlead/core';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Pod } from 'kubernetes-models/v1/Pod';
import { Service } from 'kubernetes-models/v1/Service';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { createManifests } from './create-manifests';
import { kserveFaults, splitPredictor } from './kserve-schema.fixture';
import type { ManifestOptions } from './options';
import type { Manifest } from './pod';
import { manifestsToYaml } from './to-yaml';

/* Validated by the schemas of Kubernetes, KEDA and the Prometheus operator, offline. */

/** A model of `kubernetes-models`. */
interface Validated {
  validate(): void;
}

type ModelOf = new (data: never) => Validated;

const models: Readonly<Record<string, ModelOf>> = {
  Deployment,
  Service,
  PodDisruptionBudget,
  NetworkPolicy,
  HorizontalPodAutoscaler,
  ScaledObject,
  ServiceMonitor,
};

const basic: ManifestOptions = { name: 'digits', image: 'registry.example/digits:1.0' };

/** The manifests by kind, as they are in the YAML. */
async function made(options: Partial<ManifestOptions> = {}): Promise<Record<string, Manifest>> {
  const text = await manifestsToYaml(createManifests({ ...basic, ...options }));
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  return Object.fromEntries(documents.map((document) => [String(document.kind), document]));
}

/** Whatever a schema never looks at is a key that Kubernetes does not know. */
function unknownKeys(Model: ModelOf, manifest: Manifest): string[] {
  const seen = new Set<string>();
  const watch = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    return new Proxy(value, {
      get(target, key) {
        const found: unknown = Reflect.get(target, key);
        if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return found;
        seen.add(`${path}/${key}`);
        return watch(found, `${path}/${key}`);
      },
    });
  };
  const watched = Object.create(Model.prototype as object, {}) as Record<string, unknown>;
  Object.assign(
    watched,
    Object.fromEntries(Object.entries(manifest).map(([key, value]) => [key, watch(value, `/${key}`)])),
  );
  Model.prototype.validate.call(watched);
  const paths = (value: unknown, path: string): string[] =>
    typeof value !== 'object' || value === null
      ? []
      : Object.entries(value).flatMap(([key, inner]) => [`${path}/${key}`, ...paths(inner, `${path}/${key}`)]);
  return Object.entries(manifest)
    .flatMap(([key, value]) => paths(value, `/${key}`))
    .filter((path) => !seen.has(path));
}

function check(manifests: Readonly<Record<string, Manifest>>): void {
  for (const [kind, manifest] of Object.entries(manifests)) {
    const Model = models[kind];
    if (Model === undefined) throw new Error(`No schema of ${kind}.`);
    new Model(manifest as never).validate();
    expect(unknownKeys(Model, manifest), kind).toEqual([]);
  }
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((found, key) => (found as Record<string, unknown> | undefined)?.[key], value);
}

test('a check that finds keys which Kubernetes does not know, and values that it refuses', () => {
  const spec = { containers: [{ name: 'c', image: 'i', comand: ['x'] }] };
  expect(unknownKeys(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec })).toEqual([
    '/spec/containers/0/comand',
    '/spec/containers/0/comand/0',
  ]);
  const wrong = { containers: [{ name: 'c', ports: [{ containerPort: '8080' }] }] };
  expect(() => new Pod({ metadata: { name: 'x' }, spec: wrong } as never).validate()).toThrow(/integer/);
});

test('the usual set passes the schemas', async () => {
  const manifests = await made();
  expect(Object.keys(manifests)).toEqual([
    'Deployment',
    'Service',
    'PodDisruptionBudget',
    'NetworkPolicy',
    'HorizontalPodAutoscaler',
    'ServiceMonitor',
  ]);
  check(manifests);
});

test('everything that can be asked for passes the schemas', async () => {
  check(
    await made({
      namespace: 'models',
      port: 9000,
      grpcPort: 9001,
      basePath: '/ml',
      minReplicas: 0,
      maxReplicas: 30,
      resources: { cpu: '1500m', memory: '2Gi' },
      scaling: { by: 'prometheus', serverAddress: 'http://prometheus.monitoring:9090' },
      env: { LOG_LEVEL: 'info', A_1: '"quoted": yes' },
      labels: { team: 'vision', 'example.com/tier': 'gold' },
      startupSeconds: 20,
    }),
  );
  const fixed = await made({ scaling: false, metrics: false, networkPolicy: false });
  expect(Object.keys(fixed)).toEqual(['Deployment', 'Service', 'PodDisruptionBudget']);
  expect(at(fixed.Deployment, 'spec.replicas')).toBe(2);
  check(fixed);
});

test('probes are the routes of serve(), and a pod has as long to end as its drain takes', async () => {
  const { Deployment: deployment } = await made({
    basePath: '/ml',
    drainDelayMs: 1500,
    drainTimeoutMs: 60_000,
    startupSeconds: 60,
  });
  const container = at(deployment, 'spec.template.spec.containers.0');
  expect(at(container, 'readinessProbe.httpGet')).toEqual({ path: '/ml/v2/health/ready', port: 'http' });
  expect(at(container, 'startupProbe.httpGet')).toEqual({ path: '/ml/v2/health/ready', port: 'http' });
  expect(at(container, 'livenessProbe.httpGet')).toEqual({ path: '/ml/v2/health/live', port: 'http' });
  expect(
    Number(at(container, 'startupProbe.failureThreshold')) * Number(at(container, 'startupProbe.periodSeconds')),
  ).toBe(60);
  // 5 s of balancers, 61.5 s of drain, 5 to spare.
  expect(at(deployment, 'spec.template.spec.terminationGracePeriodSeconds')).toBe(72);
  expect(at(container, 'lifecycle.preStop.sleep.seconds')).toBe(5);
  expect(at(deployment, 'spec.replicas')).toBeUndefined();
});

test('the container is not root, writes nowhere but to /tmp, and has no more processors than it counts', async () => {
  const { Deployment: deployment } = await made({ resources: { cpu: '2' } });
  const container = at(deployment, 'spec.template.spec.containers.0');
  expect(at(container, 'securityContext')).toMatchObject({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 65_532,
    capabilities: { drop: ['ALL'] },
  });
  expect(at(container, 'resources')).toEqual({
    requests: { cpu: '2', memory: '1Gi' },
    limits: { cpu: '2', memory: '1Gi' },
  });
  expect(at(deployment, 'spec.template.spec.automountServiceAccountToken')).toBe(false);
});

test('what selects pods is what pods are labelled with, and ports meet by their names', async () => {
  const manifests = await made({ grpcPort: 9001, labels: { 'app.kubernetes.io/name': 'other', team: 'x' } });
  const podLabels = at(manifests.Deployment, 'spec.template.metadata.labels') as Record<string, string>;
  for (const [kind, path] of [
    ['Deployment', 'spec.selector.matchLabels'],
    ['Service', 'spec.selector'],
    ['PodDisruptionBudget', 'spec.selector.matchLabels'],
    ['NetworkPolicy', 'spec.podSelector.matchLabels'],
  ] as const) {
    expect(podLabels, kind).toMatchObject(at(manifests[kind], path) as object);
  }
  expect(at(manifests.Service, 'metadata.labels')).toMatchObject(
    at(manifests.ServiceMonitor, 'spec.selector.matchLabels') as object,
  );
  const named = at(manifests.Deployment, 'spec.template.spec.containers.0.ports') as { name: string }[];
  const targets = at(manifests.Service, 'spec.ports') as { targetPort: string }[];
  expect(targets.map(({ targetPort }) => targetPort)).toEqual(named.map(({ name }) => name));
});

test('KEDA scales by a query, ours or one’s own', async () => {
  const scaling = { by: 'prometheus', serverAddress: 'http://prometheus:9090' } as const;
  const { ScaledObject: usual } = await made({ namespace: 'models', scaling });
  expect(at(usual, 'spec.triggers.0')).toEqual({
    type: 'prometheus',
    metadata: {
      serverAddress: 'http://prometheus:9090',
      query: 'sum(ml_prediction_pending_requests{job="digits",namespace="models"})',
      threshold: '16',
    },
  });
  const { ScaledObject: own } = await made({ scaling: { ...scaling, query: 'sum(x)', threshold: 2.5 } });
  expect(at(own, 'spec.triggers.0.metadata')).toMatchObject({ query: 'sum(x)', threshold: '2.5' });
});

/** The InferenceService: its pod passes the schema of pods, and the rest that of KServe. */
async function inferenceService(options: Partial<ManifestOptions>, version: '0.16 or later' | 'before 0.16') {
  const { InferenceService: manifest, ...rest } = await made(options);
  expect(rest).toEqual({});
  if (manifest === undefined) throw new Error('No InferenceService.');
  expect(kserveFaults(manifest, version)).toEqual([]);
  const { own, pod: spec } = splitPredictor(manifest);
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec };
  new Pod(pod as never).validate();
  expect(unknownKeys(Pod, pod)).toEqual([]);
  return { own, pod: spec, annotations: at(manifest, 'metadata.annotations'), metadata: at(manifest, 'metadata') };
}

test('KServe gets one InferenceService whose predictor is a pod that Kubernetes takes', async () => {
  const { own, pod, metadata } = await inferenceService(
    { kserve: { storageUri: 's3://models/digits' }, namespace: 'models' },
    '0.16 or later',
  );
  expect(metadata).toMatchObject({
    name: 'digits',
    namespace: 'models',
    annotations: {
      'serving.kserve.io/deploymentMode': 'Standard',
      'serving.kserve.io/autoscalerClass': 'hpa',
    },
  });
  expect(own).toMatchObject({ minReplicas: 2, maxReplicas: 10, scaleMetric: 'cpu', scaleTarget: 70 });
  expect(own.annotations).toMatchObject({ 'prometheus.io/port': '8080' });
  expect(at(pod, 'containers.0')).toMatchObject({
    name: 'kserve-container',
    env: [{ name: 'STORAGE_URI', value: 's3://models/digits' }],
    ports: [{ name: 'http1', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/v2/health/ready', port: 'http1' } },
  });
});

test('what Knative does not take is left out', async () => {
  for (const [deploymentMode, version] of [
    ['Knative', '0.16 or later'],
    ['Serverless', 'before 0.16'],
  ] as const) {
    const { own, pod, annotations } = await inferenceService(
      { kserve: { deploymentMode, canaryTrafficPercent: 10 }, minReplicas: 0 },
      version,
    );
    expect(own).toEqual({
      annotations: expect.any(Object),
      minReplicas: 0,
      maxReplicas: 10,
      canaryTrafficPercent: 10,
    });
    expect(annotations).toEqual({ 'serving.kserve.io/deploymentMode': deploymentMode });
    const container = at(pod, 'containers.0') as Manifest;
    expect(Object.keys(container)).not.toContain('lifecycle');
    expect(Object.keys(container)).not.toContain('startupProbe');
  }
});

test('KServe scales as it is told: by processors, by a query, or not at all', async () => {
  const query = 'sum(ml_prediction_pending_requests{pod=~"digits-predictor-.*"})';
  const scaling = { by: 'prometheus', serverAddress: 'http://prometheus:9090', query, threshold: 8 } as const;
  const keda = await inferenceService({ kserve: true, minReplicas: 0, scaling }, '0.16 or later');
  expect(keda.annotations).toMatchObject({ 'serving.kserve.io/autoscalerClass': 'keda' });
  expect(at(keda.own, 'autoScaling.metrics')).toEqual([
    {
      type: 'External',
      external: {
        metric: { backend: 'prometheus', serverAddress: 'http://prometheus:9090', query },
        target: { type: 'Value', value: '8' },
      },
    },
  ]);
  const fixed = await inferenceService({ kserve: true, minReplicas: 3, scaling: false }, '0.16 or later');
  expect(fixed.own).toEqual({ annotations: expect.any(Object), minReplicas: 3, maxReplicas: 3 });
  const old = await inferenceService({ kserve: { deploymentMode: 'RawDeployment' } }, 'before 0.16');
  expect(old.own).toMatchObject({ scaleMetric: 'cpu' });
});

test('a check of KServe that finds what it would refuse', async () => {
  const { InferenceService: manifest } = await made({ kserve: { deploymentMode: 'RawDeployment' } });
  expect(kserveFaults(manifest as Manifest, '0.16 or later')).toEqual(['[cpu] is not a supported metric']);
  const { InferenceService: standard } = await made({ kserve: true });
  expect(kserveFaults(standard as Manifest, 'before 0.16')).toContain('no mode Standard');
  const predictor = at(standard, 'spec.predictor') as Manifest;
  for (const [change, words] of [
    [{ minReplicas: '2' }, 'minReplicas'],
    [{ minReplicas: 11 }, 'greater than maxReplicas'],
    [{ scaleMetric: 'cpus' }, 'scaleMetric'],
    [{ scaleMetric: 'rps' }, 'HPA'],
    [{ scaleTarget: 101 }, 'HPA'],
    [{ autoScaling: { metrics: [] } }, 'autoScaling'],
  ] as const) {
    const faults = kserveFaults({ ...standard, spec: { predictor: { ...predictor, ...change } } }, '0.16 or later');
    expect(faults.join(' '), JSON.stringify(change)).toContain(words);
  }
});

test.each<[object, string]>([
  [{ name: undefined }, 'name'],
  [{ name: 'Digits' }, 'name'],
  [{ name: '1digits' }, 'name'],
  [{ name: 'd'.repeat(64) }, 'name'],
  [{ name: 'digits\n---\nkind: Pod' }, 'name'],
  [{ image: '' }, 'image'],
  [{ image: 'a b' }, 'image'],
  [{ image: 'Registry/x' }, 'image'],
  [{ namespace: 'a_b' }, 'namespace'],
  [{ port: 80 }, 'port'],
  [{ port: 8080.5 }, 'port'],
  [{ grpcPort: 8080 }, 'grpcPort'],
  [{ basePath: '/ml/' }, 'basePath'],
  [{ basePath: 'ml' }, 'basePath'],
  [{ minReplicas: 0 }, 'minReplicas'],
  [{ minReplicas: 5, maxReplicas: 4 }, 'maxReplicas'],
  [{ resources: { cpu: 'two' } }, 'resources.cpu'],
  [{ resources: { memory: '1 GB' } }, 'resources.memory'],
  [{ env: { 'A-B': 'x' } }, 'env.A-B'],
  [{ labels: { 'a b': 'x' } }, 'labels.a b'],
  [{ labels: { a: 'x y' } }, 'labels.a'],
  [{ startupSeconds: 1 }, 'startupSeconds'],
  [{ drainTimeoutMs: -1 }, 'drainTimeoutMs'],
  [{ kserve: { canaryTrafficPercent: 10 } }, 'kserve.canaryTrafficPercent'],
  [{ kserve: true, scaling: { by: 'prometheus', serverAddress: 'http://p:9090' } }, 'scaling.query'],
  [
    {
      kserve: { deploymentMode: 'Knative' },
      scaling: { by: 'prometheus', serverAddress: 'http://p:9090', query: 'sum(x)' },
    },
    'scaling',
  ],
  [{ replicas: 2 }, 'replicas'],
])('options are checked: %j', (change, field) => {
  const make = () => createManifests({ ...basic, ...change } as ManifestOptions);
  expect(make).toThrow(FairleadError);
  expect(make).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
  );
});

test.each<[object]>([
  [{ scaling: { by: 'memory' } }],
  [{ scaling: { by: 'cpu', targetPercent: 0 } }],
  [{ scaling: { by: 'prometheus' } }],
  [{ scaling: { by: 'prometheus', serverAddress: 'prometheus:9090' } }],
  [{ kserve: false }],
  [{ kserve: { storageUri: '/models' } }],
])('choices are checked: %j', (change) => {
  const make = () => createManifests({ ...basic, ...change } as unknown as ManifestOptions);
  expect(make).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(Object.keys(change)[0] ?? '') }),
  );
});
