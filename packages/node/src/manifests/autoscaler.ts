import type { ManifestSettings } from './options';
import type { ManifestFile } from './pod';
import { metadataOf } from './pod';

/** What scales the Deployment. */
export function autoscalerOf(
  settings: ManifestSettings,
  scaling: Exclude<ManifestSettings['scaling'], false>,
): ManifestFile {
  const { name, minReplicas, maxReplicas } = settings;
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name };
  // Down slowly: a pod that comes back has to load and warm its models.
  const behavior = {
    scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }] },
  };
  if (scaling.by === 'cpu') {
    const metric = { type: 'Utilization', averageUtilization: scaling.targetPercent };
    return {
      file: 'horizontal-pod-autoscaler.yaml',
      manifest: {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: metadataOf(settings),
        spec: {
          scaleTargetRef: target,
          minReplicas,
          maxReplicas,
          metrics: [{ type: 'Resource', resource: { name: 'cpu', target: metric } }],
          behavior,
        },
      },
    };
  }
  const { serverAddress, query = pendingRequests(settings), threshold } = scaling;
  return {
    file: 'scaled-object.yaml',
    manifest: {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'ScaledObject',
      metadata: metadataOf(settings),
      spec: {
        scaleTargetRef: target,
        minReplicaCount: minReplicas,
        maxReplicaCount: maxReplicas,
        pollingInterval: 15,
        advanced: { horizontalPodAutoscalerConfig: { behavior } },
        // KEDA's own form: every value of a trigger is a text.
        triggers: [{ type: 'prometheus', metadata: { serverAddress, query, threshold: String(threshold) } }],
      },
    },
  };
}

/** The ServiceMonitor's job is the Service's name. */
function pendingRequests({ name, namespace }: ManifestSettings): string {
  const where = namespace === undefined ? '' : `,namespace="${namespace}"`;
  return `sum(ml_prediction_pending_requests{job="${name}"${where}})`;
}
