import type { CallOptions } from '@fairlead/core';
import type { RunPage, RunQuery } from '../../search/query';
import { searchRuns } from '../../search/search-runs';
import type { ExperimentSummary } from '../../store/run-store';
import type { StoredRun } from '../../store/stored-run';
import type { MlflowClient } from '../client';
import type { MlflowView } from '../experiments';
import type { MlflowRun } from '../runs';
import type { ExperimentNames } from './experiment-names';
import { ownTags } from './own-tags';
import type { RunIds } from './run-ids';
import { toStoredRun } from './to-stored-run';

/** What a search stands on. */
export interface SearchContext {
  readonly client: MlflowClient;
  readonly experiments: ExperimentNames;
  readonly ids: RunIds;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Runs that are asked for at once. */
const pageSize = 1000;
const views: Readonly<Record<NonNullable<RunQuery['deleted']>, MlflowView>> = {
  exclude: 'active',
  only: 'deleted',
  include: 'all',
};

/** All runs of experiments, a page at a time. */
async function* pagesOf(
  { runs }: MlflowClient,
  question: Omit<Parameters<MlflowClient['runs']['search']>[0], 'pageToken'>,
): AsyncGenerator<readonly MlflowRun[], void, undefined> {
  if (question.experimentIds.length === 0) return;
  let pageToken: string | undefined;
  do {
    const page = await runs.search({ ...question, ...(pageToken === undefined ? {} : { pageToken }) });
    // Runs that only hold bytes of ours are nobody's runs.
    yield page.items.filter(({ tags }) => tags[ownTags.kind] === undefined);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
}

/** Answers a query from what the server has. */
export async function searchServer(
  { client, experiments, ids, now }: SearchContext,
  query: RunQuery,
  call: CallOptions,
): Promise<RunPage> {
  const { deleted = 'exclude' } = query;
  // What is wrong with a query is said before anything is asked.
  searchRuns([], query, now);
  const wanted = query.experiments === undefined ? undefined : new Set(query.experiments);
  const list = (await experiments.list(call)).filter(({ name }) => wanted?.has(name) ?? true);
  const names = new Map(list.map(({ id, name }) => [id, name]));
  const found: StoredRun[] = [];
  const question = { experimentIds: [...names.keys()], view: views[deleted], maxResults: pageSize, ...call };
  for await (const page of pagesOf(client, question)) {
    for (const run of page) ids.learn(run);
    for (const run of page) {
      const experiment = names.get(run.experimentId) ?? '';
      found.push(toStoredRun(run, { experiment, parent: await ids.parentOf(run, call) }));
    }
  }
  return searchRuns(found, query, now);
}

/** The experiments that have runs. */
export async function searchExperiments(
  { client, experiments }: Pick<SearchContext, 'client' | 'experiments'>,
  call: CallOptions,
): Promise<readonly ExperimentSummary[]> {
  const list = (await experiments.list(call)).filter(({ deleted }) => !deleted);
  const found = new Map<string, { name: string; runs: number; lastStartedAt: number }>();
  const names = new Map(list.map(({ id, name }) => [id, name]));
  const question = { experimentIds: [...names.keys()], maxResults: pageSize, ...call };
  for await (const page of pagesOf(client, question)) {
    for (const { experimentId, startTime = 0 } of page) {
      const name = names.get(experimentId) ?? '';
      const summary = found.get(name) ?? { name, runs: 0, lastStartedAt: 0 };
      summary.runs++;
      summary.lastStartedAt = Math.max(summary.lastStartedAt, startTime);
      found.set(name, summary);
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
