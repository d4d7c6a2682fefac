import type { ManifestSettings } from './options';
import { containerOf, graceSeconds, type Manifest, metadataOf, podExtras } from './pod';

/** What KServe calls a container of one's own; by this name it knows which one to give the model to. */
const containerName = 'kserve-container';

/** The InferenceService of KServe, with a container of our own as the predictor. */
export function inferenceServiceOf(settings: ManifestSettings): Manifest {
  const { kserve, minReplicas, maxReplicas, scaling, env, metrics, port, basePath } = settings;
  const { storageUri, deploymentMode = 'RawDeployment', canaryTrafficPercent } = kserve === true ? {} : (kserve ?? {});
  const isServerless = deploymentMode === 'Serverless';
  const withModel = storageUri === undefined ? settings : { ...settings, env: { ...env, STORAGE_URI: storageUri } };
  const scrape = {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(port),
    'prometheus.io/path': `${basePath}/metrics`,
  };
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: metadataOf(settings, { 'serving.kserve.io/deploymentMode': deploymentMode }),
    spec: {
      predictor: {
        ...podExtras,
        ...(metrics ? { annotations: scrape } : {}),
        minReplicas,
        maxReplicas,
        ...(canaryTrafficPercent === undefined ? {} : { canaryTrafficPercent }),
        ...(!isServerless && scaling !== false && scaling.by === 'cpu'
          ? { scaleMetric: 'cpu', scaleTarget: scaling.targetPercent }
          : {}),
        ...(isServerless ? {} : { terminationGracePeriodSeconds: graceSeconds(settings) }),
        containers: [containerOf(withModel, containerName, 'http1', isServerless)],
      },
    },
  };
}
