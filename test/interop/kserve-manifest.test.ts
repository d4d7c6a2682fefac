import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createManifests, type ManifestOptions, manifestsToYaml } from '@fairlead/node/manifests';
import { describe, expect, it } from 'vitest';
import { prepareKserveModels } from './setup';

const { command = '', missing } = { command: undefined, ...prepareKserveModels() };
const script = fileURLToPath(new URL('kserve_manifest.py', import.meta.url));
const basic: ManifestOptions = { name: 'digits', image: 'registry.example/digits:1.0' };

function faultsOf(...texts: readonly string[]): string[][] {
  const output = execFileSync(command, [script], { input: texts.join('\n---\n'), encoding: 'utf8', timeout: 60_000 });
  return JSON.parse(output) as string[][];
}

describe.skipIf(missing !== undefined)("the classes of KServe's own SDK", { timeout: 120_000 }, () => {
  it('know every field of a generated InferenceService, and its type', async () => {
    const scaling = { by: 'prometheus', serverAddress: 'http://prometheus:9090', query: 'sum(x)' } as const;
    const options: readonly Partial<ManifestOptions>[] = [
      { kserve: true },
      {
        kserve: { storageUri: 's3://models/digits' },
        namespace: 'models',
        grpcPort: 9001,
        env: { A: 'b' },
        labels: { team: 'x' },
      },
      { kserve: true, scaling },
      { kserve: true, scaling: false, metrics: false },
      { kserve: { deploymentMode: 'Knative', canaryTrafficPercent: 10 }, minReplicas: 0 },
      { kserve: { deploymentMode: 'RawDeployment' } },
    ];
    const texts = await Promise.all(options.map((each) => manifestsToYaml(createManifests({ ...basic, ...each }))));
    expect(faultsOf(...texts)).toEqual(options.map(() => []));
  });

  it('find what is wrong', async () => {
    const text = await manifestsToYaml(createManifests({ ...basic, kserve: true }));
    const [faults = []] = faultsOf(
      text
        .replace('minReplicas: 2', 'minReplicas: two')
        .replace('scaleMetric:', 'scaleMetrics:')
        .replace('image:', 'imagine:'),
    );
    expect([...faults].sort()).toEqual([
      expect.stringContaining('imagine: unknown to V1Container'),
      expect.stringContaining('minReplicas: no int'),
      expect.stringContaining('scaleMetrics: unknown to V1beta1PredictorSpec'),
    ]);
  });
});
