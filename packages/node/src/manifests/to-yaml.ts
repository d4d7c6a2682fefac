import { FairleadError } from '@fairlead/core';
import type { ManifestFile } from './pod';

/**
 * Writes manifests as YAML, one document after another, for `kubectl apply -f -`. Needs the package `yaml`, an optional peer.
 *
 * @throws FairleadError `UNSUPPORTED` where the package is not installed
 */
export async function manifestsToYaml(manifests: readonly ManifestFile[]): Promise<string> {
  const { stringify } = await import('yaml').catch((cause: unknown) => {
    throw new FairleadError(
      'UNSUPPORTED',
      'manifestsToYaml: the package "yaml" is not installed. Run `npm install yaml`, or write JSON.stringify(manifest): Kubernetes reads JSON too.',
      { cause, details: { field: 'yaml', expected: 'the package yaml', given: 'no such package' } },
    );
  });
  const texts = manifests.map(({ manifest }) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }));
  return texts.join('---\n');
}
