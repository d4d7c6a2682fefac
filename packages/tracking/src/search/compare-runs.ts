import { FairleadError } from '@fairlead/core';
import { invalidArgument, listNames } from '../names';
import type { MetricSummary, ParamValue, StoredRun } from '../store/stored-run';
import { sameValue } from './value-order';

/** Whether a metric is the better the smaller or the larger it is. */
export type MetricDirection = 'minimize' | 'maximize';

/** How runs are compared. */
export interface CompareOptions {
  /** Which metrics have a best, and in which direction, such as `{ loss: 'minimize' }`. @default {} */
  readonly directions?: Readonly<Record<string, MetricDirection>>;
}

/** One run of a comparison. */
export interface ComparedRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: string;
  readonly status: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds; absent where it has no end. */
  readonly endedAt?: number;
}

/** One thing across the runs. */
export interface ComparedValue<T> {
  readonly key: string;
  /** One a run, in the order of the runs; `undefined` where a run does not have it. */
  readonly values: readonly (T | undefined)[];
  /** Not all runs have it, or not all the same. */
  readonly differs: boolean;
}

/** One metric across the runs; each list has one value a run, `undefined` where a run does not have it. */
export interface ComparedMetric {
  readonly key: string;
  readonly last: readonly (number | undefined)[];
  readonly min: readonly (number | undefined)[];
  readonly max: readonly (number | undefined)[];
  readonly direction?: MetricDirection;
  /** Which runs have the best last value, by their place; several where they are equal. Empty without a direction. */
  readonly best: readonly number[];
}

/** A dataset across the runs. */
export interface ComparedDataset {
  readonly name: string;
  /** What it was used for; absent where that was not said. */
  readonly context?: string;
  /** The digest that each run used; several are joined by a comma. */
  readonly values: readonly (string | undefined)[];
  readonly differs: boolean;
}

/** What runs have in common, and what they do not. */
export interface RunComparison {
  readonly runs: readonly ComparedRun[];
  readonly params: readonly ComparedValue<ParamValue>[];
  readonly metrics: readonly ComparedMetric[];
  /** Tags that people set. */
  readonly tags: readonly ComparedValue<string>[];
  readonly datasets: readonly ComparedDataset[];
  /** Tags that programs set about code, machine and runtime: `runtime`, and those that begin with `git.`, `seed.`, `mlflow.` or `fairlead.`. */
  readonly environment: readonly ComparedValue<string>[];
}

const environmentPrefixes = ['runtime', 'git.', 'seed.', 'mlflow.', 'fairlead.'];

function differ(values: readonly (ParamValue | undefined)[]): boolean {
  const [first] = values;
  return values.some((value) => value === undefined || first === undefined || !sameValue(value, first));
}

/** Every key that one of the records has, by name. */
function keysOf(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))].sort();
}

function compareRecords<T extends ParamValue>(records: readonly Readonly<Record<string, T>>[]): ComparedValue<T>[] {
  return keysOf(records).map((key) => {
    const values = records.map((record) => (Object.hasOwn(record, key) ? record[key] : undefined));
    return { key, values, differs: differ(values) };
  });
}

function bestOf(values: readonly (number | undefined)[], direction: MetricDirection | undefined): number[] {
  const numbers = values.filter((value): value is number => value !== undefined && !Number.isNaN(value));
  if (direction === undefined || numbers.length === 0) return [];
  const best = numbers.reduce((a, b) => (direction === 'minimize' ? Math.min(a, b) : Math.max(a, b)));
  return values.flatMap((value, index) => (value === best ? [index] : []));
}

function compareMetrics(runs: readonly StoredRun[], directions: CompareOptions['directions'] = {}): ComparedMetric[] {
  const keys = keysOf(runs.map((run) => run.metrics));
  for (const [key, direction] of Object.entries(directions)) {
    if (!keys.includes(key))
      throw invalidArgument('directions', `by metrics of the runs: ${listNames(keys, 'none')}`, key);
    if (direction !== 'minimize' && direction !== 'maximize') {
      throw invalidArgument(`directions.${key}`, "'minimize' or 'maximize'", direction);
    }
  }
  return keys.map((key) => {
    const of = (part: keyof MetricSummary): (number | undefined)[] =>
      runs.map(({ metrics }) => (Object.hasOwn(metrics, key) ? metrics[key]?.[part] : undefined));
    const direction = Object.hasOwn(directions, key) ? directions[key] : undefined;
    const last = of('last');
    return {
      key,
      last,
      min: of('min'),
      max: of('max'),
      ...(direction === undefined ? {} : { direction }),
      best: bestOf(last, direction),
    };
  });
}

function compareDatasets(runs: readonly StoredRun[]): ComparedDataset[] {
  const used = new Map<string, { name: string; context?: string }>();
  const placeOf = (name: string, context: string | undefined): string => JSON.stringify([name, context ?? '']);
  for (const { name, context } of runs.flatMap((run) => run.inputs)) {
    used.set(placeOf(name, context), { name, ...(context === undefined ? {} : { context }) });
  }
  return [...used.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([place, dataset]) => {
      const values = runs.map(({ inputs }) => {
        const digests = inputs
          .filter((input) => placeOf(input.name, input.context) === place)
          .map(({ digest }) => digest);
        return digests.length === 0 ? undefined : digests.sort().join(', ');
      });
      return { ...dataset, values, differs: differ(values) };
    });
}

/** The ids of runs that are to be compared. @throws FairleadError `INVALID_ARGUMENT` */
export function checkComparedIds(ids: readonly string[]): void {
  const isList = Array.isArray(ids) && ids.length >= 1 && ids.length <= 100;
  if (!isList) throw invalidArgument('ids', 'a list of 1 to 100 ids of runs', ids);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw invalidArgument('ids', 'ids that are each given once', twice);
}

/** The error for a run that is not there. */
export function missingRun(id: string): FairleadError {
  return new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
    details: { field: 'ids', expected: 'ids of runs of this store', given: String(id) },
  });
}

/**
 * Compares runs field by field.
 * @throws FairleadError `INVALID_ARGUMENT` for a direction of a metric that no run has
 */
export function compareRuns(
  runs: readonly (StoredRun & { readonly status: string })[],
  options: CompareOptions = {},
): RunComparison {
  const tags = compareRecords(runs.map((run) => run.tags));
  const isEnvironment = ({ key }: { key: string }): boolean =>
    environmentPrefixes.some((prefix) => key.startsWith(prefix));
  return {
    runs: runs.map(({ id, name, experiment, status, startedAt, end }) => ({
      id,
      name,
      experiment,
      status,
      startedAt,
      ...(end === undefined ? {} : { endedAt: end.at }),
    })),
    params: compareRecords(runs.map((run) => run.params)),
    metrics: compareMetrics(runs, options.directions),
    tags: tags.filter((tag) => !isEnvironment(tag)),
    datasets: compareDatasets(runs),
    environment: tags.filter(isEnvironment),
  };
}
