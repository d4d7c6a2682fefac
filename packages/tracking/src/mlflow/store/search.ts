import type { CallOptions } from '@fairlead/core';
import { createRunOrder } from '../../search/order';
import { decodePageToken } from '../../search/page-token';
import type { RunPage, RunQuery } from '../../search/query';
import { searchRuns } from '../../search/search-runs';
import type { ExperimentSummary } from '../../store/run-store';
import type { StoredRun } from '../../store/stored-run';
import type { MlflowClient } from '../client';
import type { MlflowView } from '../experiments';
import type { MlflowRun } from '../runs';
import type { ExperimentNames } from './experiment-names';
import { ownTags } from './own-tags';
import { pushDown } from './push-down';
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

/** Runs that are asked for at once, at most. */
const pageSize = 1000;
const views: Readonly<Record<NonNullable<RunQuery['deleted']>, MlflowView>> = {
  exclude: 'active',
  only: 'deleted',
  include: 'all',
};

type Question = Omit<Parameters<MlflowClient['runs']['search']>[0], 'pageToken'>;

/** The runs that a question finds, a page at a time. */
async function* pagesOf(
  { runs }: MlflowClient,
  question: Question,
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

/** An order by start time, in which the server can answer, and where in it a page begins. */
function timeOrder(query: RunQuery, now: number): { readonly orderBy: string; readonly from: string } | undefined {
  const order = createRunOrder(query.orderBy, now);
  const [first] = order.terms;
  if (first?.field.scope !== 'attribute' || first.field.key !== 'start_time') return undefined;
  const isDown = first.direction === 'desc';
  const orderBy = `attributes.start_time ${isDown ? 'DESC' : 'ASC'}`;
  const after = query.pageToken === undefined ? undefined : decodePageToken(query, order)[0]?.[1];
  return {
    orderBy,
    from: typeof after === 'number' ? `attributes.start_time ${isDown ? '<=' : '>='} ${Math.floor(after)}` : '',
  };
}

function joinFilters(...filters: readonly string[]): { filter?: string } {
  const text = filters.filter((filter) => filter !== '').join(' AND ');
  return text === '' ? {} : { filter: text };
}

/** Answers a query from what the server has. */
export async function searchServer(context: SearchContext, query: RunQuery, call: CallOptions): Promise<RunPage> {
  const { client, experiments, ids, now } = context;
  const { deleted = 'exclude', limit = 100 } = query;
  // What is wrong with a query is said before anything is asked.
  searchRuns([], query, now);
  const pushed = await pushDown(query.filter, ids, call);
  const wanted = query.experiments === undefined ? undefined : new Set(query.experiments);
  const list = (await experiments.list(call)).filter(
    ({ name, deleted: isGone }) =>
      (wanted?.has(name) ?? true) &&
      name === (pushed.experiment ?? name) &&
      // Its runs are deleted with it.
      !(isGone && deleted === 'exclude'),
  );
  const names = new Map(list.map(({ id, name }) => [id, name]));
  const found = new Map<string, StoredRun>();
  const add = async (run: MlflowRun): Promise<StoredRun[]> => {
    const experiment = names.get(run.experimentId);
    if (experiment === undefined) return [];
    const stored = toStoredRun(run, { experiment, parent: await ids.parentOf(run, call) });
    found.set(run.id, stored);
    return [stored];
  };

  if (pushed.id !== undefined) {
    const run = await ids.find(pushed.id, call);
    if (run !== undefined) await add(run);
    return searchRuns(found.values(), query, now);
  }

  const order = timeOrder(query, now);
  for (const filter of pushed.filters) {
    const mine: StoredRun[] = [];
    const question: Question = {
      experimentIds: [...names.keys()],
      view: views[deleted],
      maxResults: order === undefined ? pageSize : Math.min(pageSize, limit + 50),
      ...joinFilters(filter, order?.from ?? ''),
      ...(order === undefined ? {} : { orderBy: [order.orderBy] }),
      ...call,
    };
    for await (const page of pagesOf(client, question)) {
      for (const run of page) ids.learn(run);
      for (const run of page) mine.push(...(await add(run)));
      // In the order of start times the page may be whole long before the server has nothing more.
      if (order === undefined) continue;
      const first = searchRuns(mine, query, now);
      if (first.nextPageToken !== undefined && page.at(-1)?.startTime !== first.runs.at(-1)?.startedAt) break;
    }
  }
  return searchRuns(found.values(), query, now);
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
