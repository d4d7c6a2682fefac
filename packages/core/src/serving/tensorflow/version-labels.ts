import { describeValue } from '../../config';
import { FairleadError } from '../../errors';

/** Which version a label of a model stands for now; undefined for a label that it does not have. */
export type VersionLabels =
  | Readonly<Record<string, Readonly<Record<string, string>>>>
  | ((model: string, label: string) => string | undefined);

/** Finds the version of a label. */
export type ResolveLabel = (model: string, label: string) => string | undefined;

/**
 * @param owner the factory's name, for the message
 * @throws FairleadError `INVALID_OPTION`
 */
export function createLabelResolver(labels: VersionLabels | undefined, owner: string): ResolveLabel {
  if (labels === undefined) return () => undefined;
  if (typeof labels === 'function') return labels;
  const versions = new Map<string, ReadonlyMap<string, string>>();
  for (const [model, byLabel] of entriesOf(labels, 'versionLabels', owner)) {
    const own = entriesOf(byLabel, `versionLabels.${model}`, owner);
    const wrong = own.find(([, version]) => typeof version !== 'string' || version === '');
    if (wrong !== undefined) throw invalid(owner, `versionLabels.${model}.${wrong[0]}`, 'a version', wrong[1]);
    versions.set(model, new Map(own as [string, string][]));
  }
  return (model, label) => versions.get(model)?.get(label);
}

function entriesOf(value: unknown, field: string, owner: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  const expected = field === 'versionLabels' ? 'versions by model and label, or a function' : 'versions by label';
  throw invalid(owner, field, expected, value);
}

function invalid(owner: string, field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_OPTION', `${owner}: "${field}" is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
