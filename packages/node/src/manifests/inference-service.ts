import { isKnative, type KServeSettings, type ManifestSettings } from './options';
import { containerOf, graceSeconds, type Manifest, metadataOf, podExtras } from './pod';

/** What KServe calls a container of one's own; by this name it knows which one to give the model to. */
const containerName = 'kserve-container';

/** The InferenceService of KServe, with a container of our own as the predictor. */
export function inferenceServiceOf(settings: ManifestSettings, kserve: KServeSettings): Manifest {
  const { minReplicas, maxReplicas, scaling, env, metrics, port, basePath } = settings;
  const { storageUri, deploymentMode, canaryTrafficPercent } = kserve;
  const onKnative = isKnative(kserve);
  const withModel = storageUri === undefined ? settings : { ...settings, env: { ...env, STORAGE_URI: storageUri } };
  const scrape = {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(port),
    'prometheus.io/path': `${basePath}/metrics`,
  };
  const { autoscaler, ...scaled } = onKnative ? unscaled : scalingOf(scaling);
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: metadataOf(settings, {
      'serving.kserve.io/deploymentMode': deploymentMode,
      ...(autoscaler === undefined ? {} : { 'serving.kserve.io/autoscalerClass': autoscaler }),
    }),
    spec: {
      predictor: {
        ...podExtras,
        ...(metrics ? { annotations: scrape } : {}),
        minReplicas,
        // KServe scales by itself where nobody says how, so as many as there may be are as many as there are.
        maxReplicas: scaling === false ? Math.max(1, minReplicas) : maxReplicas,
        ...(canaryTrafficPercent === undefined ? {} : { canaryTrafficPercent }),
        ...scaled,
        ...(onKnative ? {} : { terminationGracePeriodSeconds: graceSeconds(settings) }),
        containers: [containerOf(withModel, containerName, 'http1', onKnative)],
      },
    },
  };
}

interface PredictorScaling {
  /** KServe's class of autoscaler, which says by which rules it reads the rest. */
  readonly autoscaler?: 'hpa' | 'keda';
  readonly scaleMetric?: 'cpu';
  readonly scaleTarget?: number;
  readonly autoScaling?: Manifest;
}

const unscaled: PredictorScaling = {};

function scalingOf(scaling: ManifestSettings['scaling']): PredictorScaling {
  if (scaling === false) return unscaled;
  if (scaling.by === 'cpu') return { autoscaler: 'hpa', scaleMetric: 'cpu', scaleTarget: scaling.targetPercent };
  const { serverAddress, query, threshold } = scaling;
  const external = {
    metric: { backend: 'prometheus', serverAddress, query },
    target: { type: 'Value', value: String(threshold) },
  };
  return { autoscaler: 'keda', autoScaling: { metrics: [{ type: 'External', external }] } };
}
