import { autoscalerOf } from './autoscaler';
import { inferenceServiceOf } from './inference-service';
import { type ManifestOptions, type ManifestSettings, parseManifestOptions } from './options';
import {
  containerOf,
  graceSeconds,
  type Manifest,
  type ManifestFile,
  metadataOf,
  podExtras,
  selectorLabels,
} from './pod';

/**
 * Makes what Kubernetes needs to run a service of {@link serve}: a Deployment whose probes are the routes of the service,
 * whose pods have as long to end as the drain takes and none of the rights that it does not need, a Service, a
 * PodDisruptionBudget, a NetworkPolicy, an autoscaler (HPA or KEDA) and a ServiceMonitor; or an InferenceService of KServe.
 *
 * The service in the image listens on `0.0.0.0` and `port`, with `handleSignals: true` and the same drain.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createManifests(options: ManifestOptions): readonly ManifestFile[] {
  const settings = parseManifestOptions(options);
  const { kserve, scaling, metrics, networkPolicy } = settings;
  if (kserve !== undefined) {
    return [{ file: 'inference-service.yaml', manifest: inferenceServiceOf(settings, kserve) }];
  }
  return [
    { file: 'deployment.yaml', manifest: deploymentOf(settings) },
    { file: 'service.yaml', manifest: serviceOf(settings) },
    { file: 'pod-disruption-budget.yaml', manifest: disruptionBudgetOf(settings) },
    ...(networkPolicy ? [{ file: 'network-policy.yaml', manifest: networkPolicyOf(settings) }] : []),
    ...(scaling === false ? [] : [autoscalerOf(settings, scaling)]),
    ...(metrics ? [{ file: 'service-monitor.yaml', manifest: serviceMonitorOf(settings) }] : []),
  ];
}

function deploymentOf(settings: ManifestSettings): Manifest {
  const labels = selectorLabels(settings);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(settings),
    spec: {
      // Where something scales it, every new apply would set the number back.
      ...(settings.scaling === false ? { replicas: settings.minReplicas } : {}),
      revisionHistoryLimit: 5,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { ...settings.labels, ...labels } },
        spec: {
          ...podExtras,
          terminationGracePeriodSeconds: graceSeconds(settings),
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            },
          ],
          containers: [containerOf(settings, 'model')],
        },
      },
    },
  };
}

function serviceOf(settings: ManifestSettings): Manifest {
  const { grpcPort } = settings;
  const grpc = { name: 'grpc', port: grpcPort, targetPort: 'grpc', protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(settings),
    spec: {
      type: 'ClusterIP',
      selector: selectorLabels(settings),
      ports: [
        { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
        ...(grpcPort === undefined ? [] : [grpc]),
      ],
    },
  };
}

function disruptionBudgetOf(settings: ManifestSettings): Manifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(settings),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(settings) } },
  };
}

function networkPolicyOf(settings: ManifestSettings): Manifest {
  const ports = [settings.port, ...(settings.grpcPort === undefined ? [] : [settings.grpcPort])];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(settings),
    spec: {
      podSelector: { matchLabels: selectorLabels(settings) },
      policyTypes: ['Ingress'],
      ingress: [{ ports: ports.map((port) => ({ protocol: 'TCP', port })) }],
    },
  };
}

function serviceMonitorOf(settings: ManifestSettings): Manifest {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: metadataOf(settings),
    spec: {
      selector: { matchLabels: selectorLabels(settings) },
      endpoints: [{ port: 'http', path: `${settings.basePath}/metrics`, interval: '15s', scrapeTimeout: '10s' }],
    },
  };
}
