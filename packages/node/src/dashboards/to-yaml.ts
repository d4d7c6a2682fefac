import { FairleadError } from '@fairlead/core';
import type { AlertRules, AlertRuleTests } from './alerts/model';

/**
 * Writes rules or their tests as YAML, which people like better to read than the JSON that Prometheus takes as well.
 * Needs the package `yaml`, an optional peer.
 *
 * @throws FairleadError `UNSUPPORTED` where the package is not installed
 */
export async function toYaml(document: AlertRules | AlertRuleTests): Promise<string> {
  const { stringify } = await import('yaml').catch((cause: unknown) => {
    throw new FairleadError(
      'UNSUPPORTED',
      'toYaml: the package "yaml" is not installed. Run `npm install yaml`, or write JSON.stringify(rules): Prometheus reads JSON as YAML.',
      { cause, details: { field: 'yaml', expected: 'the package yaml', given: 'no such package' } },
    );
  });
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}
