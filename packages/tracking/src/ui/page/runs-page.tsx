/** @jsxImportSource preact */
import { useEffect, useState } from 'preact/hooks';
import type { ExperimentSummary } from '../../store/run-store';
import type { RunSummary } from '../../tracker';
import type { RunsAnswer } from '../answers';
import { type Column, ColumnMenu, columnsOf, defaultColumns } from './columns';
import { formatCount } from './format';
import { useAnswer, useKept, useSource } from './hooks';
import { Empty, FailureBox, Loading } from './pieces';
import { compareHash, toHash } from './route';
import { RunsTable } from './runs-table';
import { SearchField } from './search-field';
import { RequestFailure } from './source';

const pageSize = 100;
/** So many a comparison takes. */
const mostCompared = 100;

/** Goes to a place of the table; typing in the search field leaves no trail of places to go back through. */
function go(query: URLSearchParams, change: Readonly<Record<string, string | undefined>>): void {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined || value === '') next.delete(name);
    else next.set(name, value);
  }
  location.replace(toHash(['runs'], next));
}

/** The table of runs. */
export function RunsPage({ query }: { query: URLSearchParams }) {
  const source = useSource();
  const experiment = query.get('experiment');
  const filter = query.get('filter') ?? '';
  const order = query.get('order') ?? '';
  const asked = new URLSearchParams({ limit: String(pageSize) });
  if (experiment !== null) asked.set('experiment', experiment);
  if (filter !== '') asked.set('filter', filter);
  if (order !== '') asked.set('order', order);
  const path = `runs?${asked}`;
  const { answer, failure, current } = useAnswer<RunsAnswer>(path);
  const [more, setMore] = useState<{ path: string; runs: readonly RunSummary[]; token: string | undefined }>();
  const [moreFailure, setMoreFailure] = useState<RequestFailure>();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [kept, setKept] = useKept<readonly string[] | null>('columns', null);
  const [experiments, setExperiments] = useState<readonly ExperimentSummary[]>([]);
  const newest = answer?.runs[0]?.id ?? '';
  useEffect(() => {
    source.get<readonly ExperimentSummary[]>('experiments').then(setExperiments, () => undefined);
  }, [source, newest]);

  const extra = more?.path === path ? more : undefined;
  const first = answer?.runs ?? [];
  const known = new Set(first.map(({ id }) => id));
  const runs = [...first, ...(extra?.runs.filter(({ id }) => !known.has(id)) ?? [])];
  const token = extra === undefined ? answer?.nextPageToken : extra.token;
  const loadMore = (): void => {
    if (token === undefined) return;
    source.get<RunsAnswer>(`${path}&pageToken=${encodeURIComponent(token)}`).then(
      (page) => {
        setMoreFailure(undefined);
        setMore({ path, runs: [...(extra?.runs ?? []), ...page.runs], token: page.nextPageToken });
      },
      (error: unknown) => setMoreFailure(error instanceof RequestFailure ? error : undefined),
    );
  };
  const all = columnsOf(runs);
  const columns: readonly Column[] = kept === null ? defaultColumns(runs) : all.filter(({ id }) => kept.includes(id));
  const compared = runs.filter(({ id }) => selected.has(id)).map(({ id }) => id);
  const filterFailed = failure?.answer.code === 'INVALID_ARGUMENT' ? failure : undefined;
  const total = experiments.reduce((sum, { runs: count }) => sum + count, 0);

  return (
    <div class="runs-page">
      <aside aria-label="Experiments">
        <h2>Experiments</h2>
        <ul class="experiments">
          {[{ name: null as string | null, runs: total }, ...experiments].map(({ name, runs: count }) => (
            <li key={name ?? ''}>
              <button
                type="button"
                aria-pressed={experiment === name}
                onClick={() => go(query, { experiment: name ?? undefined })}
              >
                <span>{name ?? 'All'}</span>
                <span class="tally">{count}</span>
              </button>
            </li>
          ))}
        </ul>
      </aside>
      <div class="runs-main">
        <h1 class="hidden">Runs</h1>
        <SearchField filter={filter} failure={filterFailed} onFilter={(text) => go(query, { filter: text })} />
        <div class="toolbar">
          <span class="muted" role="status">
            {answer === undefined ? '' : `${formatCount(runs.length, 'run')}${token === undefined ? '' : ', and more'}`}
            {current ? '' : ' …'}
          </span>
          <span class="spring" />
          {compared.length > 0 && (
            <button type="button" class="quiet" onClick={() => setSelected(new Set())}>
              Clear selection
            </button>
          )}
          <ColumnMenu all={all} chosen={columns} isDefault={kept === null} onChoose={setKept} />
          <button
            type="button"
            class="button primary"
            disabled={compared.length < 2 || compared.length > mostCompared}
            onClick={() => {
              location.hash = compareHash(compared);
            }}
          >
            {compared.length < 2
              ? 'Select runs to compare'
              : compared.length > mostCompared
                ? `Compare at most ${mostCompared} runs`
                : `Compare ${compared.length} runs`}
          </button>
        </div>
        {failure !== undefined && filterFailed === undefined && <FailureBox failure={failure} />}
        {answer === undefined && failure === undefined && <Loading />}
        {answer === undefined && filterFailed !== undefined && (
          <Empty title="This is no filter yet">
            <p>The runs appear once it can be read.</p>
          </Empty>
        )}
        {answer !== undefined && runs.length === 0 && (filter !== '' || experiment !== null) && (
          <Empty title="No run matches">
            <p>Change the filter, or look at all runs.</p>
            <button
              type="button"
              class="button"
              onClick={() => go(query, { filter: undefined, experiment: undefined })}
            >
              Show all runs
            </button>
          </Empty>
        )}
        {answer !== undefined && runs.length === 0 && filter === '' && experiment === null && <FirstRun />}
        {runs.length > 0 && (
          <RunsTable
            runs={runs}
            columns={columns}
            order={order}
            onOrder={(next) => go(query, { order: next })}
            selected={selected}
            onSelect={setSelected}
            stale={!current || filterFailed !== undefined}
          />
        )}
        {moreFailure !== undefined && <FailureBox failure={moreFailure} />}
        {token !== undefined && runs.length > 0 && (
          <button type="button" class="button more" onClick={loadMore}>
            Show more runs
          </button>
        )}
      </div>
    </div>
  );
}

function FirstRun() {
  return (
    <Empty title="No runs yet">
      <p>Log one into this folder; it appears here while it runs.</p>
      <pre class="example">{`const tracker = await openTracker({ dir: '.fairlead' });
await tracker.withRun({ experiment: 'digits', params: { lr: 0.1 } }, (run) => {
  for (let step = 0; step < 100; step++) run.log({ loss: 1 / (step + 1) }, { step });
});`}</pre>
    </Empty>
  );
}
