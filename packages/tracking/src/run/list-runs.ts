import { statusOf, toRunSummary } from '../run-record';
import type { RunQuery } from '../search/query';
import type { RunStore } from '../store/run-store';
import type { RunSummary } from '../tracker';
import type { parseRunFilter } from '../tracker-options';

const mostPerPage = 50_000;

/** The runs that a filter leaves, newest first. */
export async function listRuns(
  store: RunStore,
  filter: ReturnType<typeof parseRunFilter>,
  now: number,
): Promise<readonly RunSummary[]> {
  const { experiment, status, parent, deleted, limit = Number.POSITIVE_INFINITY, signal } = filter;
  const query: RunQuery = {
    // What a run's lease says is known here alone, so a status may throw out any number of a page's runs.
    limit: status === undefined ? Math.min(limit, mostPerPage) : mostPerPage,
    deleted,
    ...(experiment === undefined ? {} : { experiments: [experiment] }),
    ...(parent === undefined
      ? {}
      : { filter: { kind: 'compare', field: { scope: 'attribute', key: 'parent' }, operator: '=', value: parent } }),
  };
  const runs: RunSummary[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await store.search(
      { ...query, ...(pageToken === undefined ? {} : { pageToken }) },
      signal === undefined ? {} : { signal },
    );
    for (const run of page.runs) {
      if (status !== undefined && statusOf(run, now) !== status) continue;
      runs.push(toRunSummary(run, now));
      if (runs.length === limit) return runs;
    }
    if (page.nextPageToken === undefined) return runs;
    pageToken = page.nextPageToken;
  }
}
