import type { ManifestSettings } from './options';

/* What runs: one container, as Kubernetes and KServe both write it. */

/** An object of Kubernetes, or a part of one. */
export type Manifest = Readonly<Record<string, unknown>>;

/** An object of Kubernetes with the name of its file. */
export interface ManifestFile {
  /** `deployment.yaml`, `service.yaml`, … */
  readonly file: string;
  /** A plain object that JSON and YAML can hold. */
  readonly manifest: Manifest;
}

/** The user and group of the container: no account of the machine. */
export const containerUser = 65_532;

/**
 * Seconds between a pod's end being asked for and SIGTERM: as long as balancers may still send to it. Kubernetes waits, so
 * that the image needs no program for it.
 */
const leaveSeconds = 5;
/** What `serve()` takes beside its drain, and some. */
const spareSeconds = 5;

/** Seconds until a pod that is asked to end is killed: more than the whole drain takes. */
export function graceSeconds({ drainDelayMs, drainTimeoutMs }: ManifestSettings): number {
  return leaveSeconds + Math.ceil((drainDelayMs + drainTimeoutMs) / 1000) + spareSeconds;
}

/** The labels that select pods: those that never change. */
export function selectorLabels({ name }: ManifestSettings): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': name };
}

/** Name, namespace and labels. */
export function metadataOf(settings: ManifestSettings, annotations?: Readonly<Record<string, string>>): Manifest {
  const { name, namespace, labels } = settings;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { ...labels, ...selectorLabels(settings) },
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function probe(path: string, timing: Manifest): Manifest {
  return { httpGet: { path, port: 'http' }, timeoutSeconds: 2, ...timing };
}

const startupPeriodSeconds = 2;

/**
 * The container. Readiness is that of every model, so a pod takes requests when it is warm, and none when it drains; a
 * model that fails makes no pod be killed, since liveness asks the process alone.
 */
export function containerOf(
  settings: ManifestSettings,
  name: string,
  portName = 'http',
  isServerless = false,
): Manifest {
  const { image, port, grpcPort, basePath, resources, env, startupSeconds } = settings;
  const ready = `${basePath}/v2/health/ready`;
  const probes = {
    readinessProbe: probe(ready, { periodSeconds: 5, failureThreshold: 2 }),
    livenessProbe: probe(`${basePath}/v2/health/live`, { periodSeconds: 10, failureThreshold: 3 }),
  };
  const named = (given: Manifest): Manifest => ({
    ...given,
    httpGet: { ...(given.httpGet as Manifest), port: portName },
  });
  const failureThreshold = Math.ceil(startupSeconds / startupPeriodSeconds);
  return {
    name,
    image,
    ports: [
      { name: portName, containerPort: port, protocol: 'TCP' },
      ...(grpcPort === undefined ? [] : [{ name: 'grpc', containerPort: grpcPort, protocol: 'TCP' }]),
    ],
    env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    resources: { requests: { ...resources }, limits: { ...resources } },
    // Knative has its own way to start and end pods.
    ...(isServerless
      ? {}
      : {
          startupProbe: named(probe(ready, { periodSeconds: startupPeriodSeconds, failureThreshold })),
          lifecycle: { preStop: { sleep: { seconds: leaveSeconds } } },
        }),
    readinessProbe: named(probes.readinessProbe),
    livenessProbe: named(probes.livenessProbe),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: containerUser,
      runAsGroup: containerUser,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

/** The rest of a pod: the one folder that it may write to, and no word to the cluster. */
export const podExtras: Manifest = {
  automountServiceAccountToken: false,
  volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '256Mi' } }],
};
