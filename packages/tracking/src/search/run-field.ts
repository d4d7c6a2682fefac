import type { RunField } from './query';

/** What the values of a field are. `mixed`: text, numbers and booleans. */
export type FieldType = 'number' | 'time' | 'text' | 'mixed';

/** The attributes of a run, by our names and by those that MLflow takes for the same. */
const attributes: ReadonlyMap<string, string> = new Map([
  ...['id', 'name', 'experiment', 'status', 'start_time', 'end_time', 'parent'].map((key) => [key, key] as const),
  ['run_id', 'id'],
  ['run_name', 'name'],
  ['run name', 'name'],
  ['Run name', 'name'],
  ['Run Name', 'name'],
  ['created', 'start_time'],
  ['Created', 'start_time'],
]);

const datasetKeys: ReadonlySet<string> = new Set(['name', 'digest', 'context']);

const scopes: ReadonlyMap<string, RunField['scope']> = new Map([
  ...['metric', 'metrics'].map((word) => [word, 'metric'] as const),
  ...['param', 'params', 'parameter', 'parameters'].map((word) => [word, 'param'] as const),
  ...['tag', 'tags'].map((word) => [word, 'tag'] as const),
  ...['attribute', 'attributes', 'attr', 'run'].map((word) => [word, 'attribute'] as const),
  ...['dataset', 'datasets'].map((word) => [word, 'dataset'] as const),
]);

/** The scopes as they are written, for messages. */
export const scopeWords = 'metrics.…, params.…, tags.…, attributes.… or dataset.…';

/** How a run can stand, and `SCHEDULED`, which MLflow has beside. */
const statuses: ReadonlySet<string> = new Set(['RUNNING', 'KILLED', 'FINISHED', 'FAILED', 'INTERRUPTED', 'SCHEDULED']);

/** The scope that a word before the dot names; `undefined` for any other word. */
export function scopeOf(word: string): RunField['scope'] | undefined {
  return scopes.get(word);
}

/** The field of a scope and a key, under its one name; where there is none, the keys that exist, in words. */
export function resolveField(scope: RunField['scope'], key: string): RunField | string {
  if (scope === 'attribute') {
    // MLflow's column of that name is empty; who ran a run stands in the tag.
    if (key === 'user_id') return { scope: 'tag', key: 'mlflow.user' };
    const known = attributes.get(key);
    if (known !== undefined) return { scope, key: known };
    return 'an attribute: id, name, experiment, status, start_time, end_time or parent';
  }
  if (scope === 'dataset' && !datasetKeys.has(key)) return 'name, digest or context of a dataset';
  return key === '' ? `the name of a ${scope}` : { scope, key };
}

/** What the values of a field are. */
export function fieldTypeOf(field: RunField): FieldType {
  if (field.scope === 'metric') return 'number';
  if (field.scope === 'param' || field.scope === 'tag') return 'mixed';
  return field.scope === 'attribute' && field.key.endsWith('_time') ? 'time' : 'text';
}

/** What is wrong with a status, in words; `undefined` for one that a run can have. */
export function statusProblem(value: string): string | undefined {
  return statuses.has(value) ? undefined : `a status: ${[...statuses].join(', ')}`;
}

/** A field as filters and columns write it. */
export function fieldName({ scope, key }: RunField): string {
  return scope === 'attribute' ? key : `${scope === 'dataset' ? scope : `${scope}s`}.${key}`;
}
