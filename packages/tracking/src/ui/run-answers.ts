import { FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type { LineageGraph } from '../lineage/lineage';
import type { RunField } from '../search/query';
import type { ExperimentSummary, MetricHistory } from '../store/run-store';
import type { Tracker } from '../tracker';
import type { CompareAnswer, HistoryAnswer, RunAnswer, RunsAnswer } from './answers';

const runOrderSchema = z.strictObject({ tags: z.record(z.string(), z.string()) });

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
export async function experimentsAnswer(tracker: Tracker): Promise<readonly ExperimentSummary[]> {
  return [...(await tracker.experiments())].sort((a, b) => b.lastStartedAt - a.lastStartedAt);
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

/** One run. @throws FairleadError `NOT_FOUND` */
export async function runAnswer(tracker: Tracker, id: string): Promise<RunAnswer> {
  const { artifacts, inputs, uses, damage, artifact: _artifact, history, points, ...run } = await tracker.getRun(id);
  return { run, artifacts: artifacts.map(({ read, stream, ...facts }) => facts), inputs, uses, damage };
}

/** So many nodes are drawn at most. */
const mostNodes = 60;

/** What led to a run and what came of it. @throws FairleadError `NOT_FOUND` */
export async function lineageAnswer(tracker: Tracker, id: string): Promise<LineageGraph> {
  await tracker.getRun(id); // says more plainly than a reference what is not there
  return tracker.lineage.graph(`run:${id}`, { limit: mostNodes });
}

/**
 * Sets tags of a run, and answers it as it is then.
 * @throws FairleadError `INVALID_OPTION`, and as `tracker.setTags`
 */
export async function changeRun(tracker: Tracker, id: string, body: unknown): Promise<RunAnswer> {
  const { tags } = parseOptions(runOrderSchema, body, 'order');
  await tracker.setTags(id, tags);
  return runAnswer(tracker, id);
}

function toHistoryAnswer(run: string, { key, steps, timestamps, values }: MetricHistory): HistoryAnswer {
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
      answers.push(toHistoryAnswer(id, await record.history(key, { maxPoints })));
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
