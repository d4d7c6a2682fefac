import { FairleadError } from '@fairlead/core';
import type { ModelVersion } from '../registry/model-version';
import type { RunField } from '../search/query';
import type { MetricHistory, StoredRun } from '../store/run-store';
import { thinHistory } from '../thin-history';
import type { RunRecord, Tracker } from '../tracker';
import type { CompareAnswer, ExperimentAnswer, HistoryAnswer, RunAnswer, RunLink, RunsAnswer } from './answers';

const scopes: readonly unknown[] = ['attribute', 'metric', 'param', 'tag', 'dataset'];

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `"${field}" must be ${expected}; given "${given}".`, {
    details: { field, expected, given },
  });
}

/** The order of a table: `metric:desc:loss`. @throws FairleadError `INVALID_ARGUMENT` */
function parseOrderTerm(text: string): { field: RunField; direction: 'asc' | 'desc' } {
  const [scope, direction, ...key] = text.split(':');
  if (scopes.includes(scope) && (direction === 'asc' || direction === 'desc') && key.length > 0) {
    return { field: { scope: scope as RunField['scope'], key: key.join(':') }, direction };
  }
  throw invalid('order', 'a scope, a direction and a name, such as metric:desc:loss', text);
}

/** A whole number of a query. */
function parseCount(query: URLSearchParams, name: string, fallback: number, minimum: number, maximum: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= minimum && value <= maximum) return value;
  throw invalid(name, `a whole number from ${minimum} to ${maximum}`, text);
}

/** The experiments that have runs, the latest first. */
export async function experimentsAnswer(tracker: Tracker): Promise<readonly ExperimentAnswer[]> {
  const found = new Map<string, { runs: number; lastStartedAt: number }>();
  for (const { experiment, startedAt } of await tracker.runs()) {
    const known = found.get(experiment) ?? { runs: 0, lastStartedAt: 0 };
    found.set(experiment, { runs: known.runs + 1, lastStartedAt: Math.max(known.lastStartedAt, startedAt) });
  }
  return [...found]
    .map(([name, summary]) => ({ name, ...summary }))
    .sort((a, b) => b.lastStartedAt - a.lastStartedAt || (a.name < b.name ? -1 : 1));
}

/** A page of the runs that a query finds. */
export async function runsAnswer(tracker: Tracker, query: URLSearchParams): Promise<RunsAnswer> {
  const experiments = query.getAll('experiment');
  const filter = query.get('filter')?.trim() ?? '';
  const pageToken = query.get('pageToken');
  const page = await tracker.search({
    ...(experiments.length === 0 ? {} : { experiments }),
    ...(filter === '' ? {} : { filter }),
    ...(pageToken === null ? {} : { pageToken }),
    orderBy: query.getAll('order').map(parseOrderTerm),
    limit: parseCount(query, 'limit', 100, 1, 1000),
  });
  return {
    runs: page.runs,
    ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
  };
}

async function versionsOf(tracker: Tracker, belongs: (version: ModelVersion) => boolean): Promise<ModelVersion[]> {
  return (await tracker.registry.models()).flatMap(({ versions }) => versions.filter(belongs));
}

/** The run of an id as a link; one that is gone keeps its id for a name. */
async function linkTo(tracker: Tracker, id: string): Promise<RunLink> {
  try {
    return { id, name: (await tracker.getRun(id)).name };
  } catch (error) {
    if (FairleadError.isInstance(error) && error.code === 'NOT_FOUND') return { id, name: id.slice(0, 8) };
    throw error;
  }
}

/** What a record has beside what its summary has. */
type Beside = Partial<Pick<StoredRun, 'parent' | 'inputs' | 'uses'>>;

/** One run. @throws FairleadError `NOT_FOUND` */
export async function runAnswer(tracker: Tracker, id: string): Promise<RunAnswer> {
  const record: RunRecord & Beside = await tracker.getRun(id);
  const { name, experiment, status, startedAt, endedAt, error, params, tags, metrics } = record;
  const [children, versions] = await Promise.all([
    tracker.search({
      filter: { kind: 'compare', field: { scope: 'attribute', key: 'parent' }, operator: '=', value: id },
    }),
    versionsOf(tracker, (version) => version.run === id),
  ]);
  return {
    run: {
      id,
      name,
      experiment,
      status,
      startedAt,
      ...(endedAt === undefined ? {} : { endedAt }),
      ...(error === undefined ? {} : { error }),
      params,
      tags,
      metrics,
    },
    artifacts: record.artifacts.map(({ read: _, ...artifact }) => artifact),
    damage: record.damage,
    inputs: record.inputs ?? [],
    uses: record.uses ?? [],
    ...(record.parent === undefined ? {} : { parent: await linkTo(tracker, record.parent) }),
    children: children.runs.map((child) => ({ id: child.id, name: child.name })),
    versions: versions.map(({ name: model, version, aliases, deployments }) => ({
      name: model,
      version,
      aliases,
      deployments,
    })),
  };
}

function toHistoryAnswer(run: string, history: MetricHistory, maxPoints: number): HistoryAnswer {
  const { key, steps, timestamps, values } = thinHistory(history, maxPoints);
  return { run, key, steps: Array.from(steps), timestamps: Array.from(timestamps), values: Array.from(values) };
}

/** Points of metrics of runs, as many a line as a chart can show. A run without the metric is left out. */
export async function historiesOf(
  tracker: Tracker,
  runs: readonly string[],
  keys: readonly string[] | undefined,
  maxPoints: number,
): Promise<HistoryAnswer[]> {
  const answers: HistoryAnswer[] = [];
  for (const id of runs) {
    const record = await tracker.getRun(id);
    for (const key of keys ?? Object.keys(record.metrics)) {
      if (!Object.hasOwn(record.metrics, key)) continue;
      answers.push(toHistoryAnswer(id, await record.history(key), maxPoints));
    }
  }
  return answers;
}

const maxLines = 500;

/** {@link historiesOf} as the page asks for them. */
export async function historiesAnswer(tracker: Tracker, query: URLSearchParams): Promise<HistoryAnswer[]> {
  const [runs, keys] = [query.getAll('run'), query.getAll('key')];
  if (runs.length * keys.length > maxLines)
    throw invalid('run', `at most ${maxLines} lines in all`, String(runs.length));
  return historiesOf(tracker, runs, keys, parseCount(query, 'maxPoints', 800, 4, 20_000));
}

/** Runs side by side. */
export async function compareAnswer(tracker: Tracker, query: URLSearchParams): Promise<CompareAnswer> {
  return tracker.compare(query.getAll('run'));
}
