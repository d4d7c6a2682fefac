import type { ModelInfo } from '../runner/runner';

/** The labels that every family about a model has. */
export const modelLabelNames = ['model_name', 'model_version'] as const;

/** The values of {@link modelLabelNames}. */
export type ModelLabels = Readonly<Record<(typeof modelLabelNames)[number], string>>;

/** The labels of a model. */
export function labelsOf({ name, version }: ModelInfo): ModelLabels {
  return { model_name: name, model_version: version };
}
