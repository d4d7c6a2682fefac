/** @jsxImportSource preact */
import { useEffect, useMemo } from 'preact/hooks';
import type { RunAnswer } from '../answers';
import { Artifacts } from './artifacts';
import { formatCount, formatNumber, formatTime, formatValue } from './format';
import { useAnswer, useNow, useSource } from './hooks';
import { Lineage } from './lineage';
import { MetricCharts } from './metric-charts';
import { Ago, DamageBox, Digest, Empty, FailureBox, Loading, Scroll, Section, StatusPill } from './pieces';
import { toHash } from './route';
import { durationOf } from './runs-table';
import { TagForm } from './tag-form';

/** Tags that programs set about code, machine and runtime. */
const environmentTag = /^(mlflow|fairlead)\./;

/** One run. */
export function RunPage({ id }: { id: string }) {
  const { answer, failure } = useAnswer<RunAnswer>(`runs/${encodeURIComponent(id)}`);
  const source = useSource();
  const name = answer?.run.name;
  useEffect(() => {
    if (name === undefined || !source.live) return;
    document.title = `${name} · Fairlead`;
    return () => {
      document.title = 'Fairlead';
    };
  }, [name, source]);
  if (answer !== undefined) {
    return (
      <>
        {failure !== undefined && <FailureBox failure={failure} />}
        <RunView answer={answer} />
      </>
    );
  }
  if (failure === undefined) return <Loading />;
  return (
    <Empty title="This run cannot be shown">
      <p>{failure.message}</p>
      <p>
        <a href={toHash(['runs'])}>Go to the runs</a>
      </p>
    </Empty>
  );
}

function RunView({ answer }: { answer: RunAnswer }) {
  const { run, artifacts, damage } = answer;
  const { live } = useSource();
  const now = useNow(run.status === 'RUNNING' ? 1000 : 30_000);
  const keys = Object.keys(run.metrics).sort();
  const version = keys.map((key) => run.metrics[key]?.count).join();
  const charted = useMemo(
    () => [{ id: run.id, label: run.name, startedAt: run.startedAt }],
    [run.id, run.name, run.startedAt],
  );
  const params = Object.entries(run.params).sort(byKey);
  const tags = Object.entries(run.tags).sort(byKey);
  const environment = tags.filter(([key]) => environmentTag.test(key));
  const ownTags = tags.filter(([key]) => !environmentTag.test(key));
  return (
    <>
      <div class="title">
        {live ? (
          <p class="eyebrow">
            <a href={toHash(['runs'], new URLSearchParams({ experiment: run.experiment }))}>{run.experiment}</a>
          </p>
        ) : (
          <p class="eyebrow">{run.experiment}</p>
        )}
        <h1>
          {run.name} <StatusPill status={run.status} />
        </h1>
        <p class="muted">
          Started {live ? <Ago at={run.startedAt} now={now} /> : formatTime(run.startedAt)} · {durationOf(run, now)} ·{' '}
          <code>{run.id}</code>
        </p>
      </div>
      {run.error !== undefined && (
        <div class="box bad">
          <strong>{run.error.code ?? run.error.name}</strong>: {run.error.message}
        </div>
      )}
      {run.status === 'KILLED' && (
        <div class="box warn">
          {run.endedAt === undefined
            ? 'Its process gave no sign of life any more before it said how the run ended.'
            : 'A signal ended its process.'}
        </div>
      )}
      {run.deletedAt !== undefined && (
        <div class="box warn">
          It was deleted; garbage collection removes it for good. <code>tracker.restoreRun(id)</code> takes that back.
        </div>
      )}
      <DamageBox damage={damage} />
      <Section title="Charts">
        <MetricCharts runs={charted} keys={keys} version={version} />
      </Section>
      <div class="pair">
        <Section title="Parameters">
          <Pairs rows={params.map(([key, value]) => [key, formatValue(value)])} empty="No parameters were logged." />
        </Section>
        <Section title="Metrics">
          {keys.length === 0 ? (
            <p class="muted">No metrics were logged.</p>
          ) : (
            <Scroll label="Metrics" className="card flush">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Metric</th>
                    <th scope="col" class="n">
                      Last
                    </th>
                    <th scope="col" class="n">
                      Smallest
                    </th>
                    <th scope="col" class="n">
                      Largest
                    </th>
                    <th scope="col" class="n">
                      Step
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {keys.map((key) => (
                    <tr key={key}>
                      <th scope="row">{key}</th>
                      <td class="n strong">{formatNumber(run.metrics[key]?.last)}</td>
                      <td class="n">{formatNumber(run.metrics[key]?.min)}</td>
                      <td class="n">{formatNumber(run.metrics[key]?.max)}</td>
                      <td class="n">{formatNumber(run.metrics[key]?.step)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
        </Section>
      </div>
      <Section
        title="Artifacts"
        aside={artifacts.length > 0 && <span class="muted">{formatCount(artifacts.length, 'file')}</span>}
      >
        <Artifacts run={run.id} artifacts={artifacts} />
      </Section>
      <Section title="Lineage">
        <Lineage
          run={run.id}
          version={JSON.stringify([answer.inputs, answer.uses, artifacts.length, run.status, run.parent])}
        />
      </Section>
      <div class="pair">
        <Section title="Tags">
          <Pairs rows={ownTags} empty="No tags." />
          {live && <TagForm run={run.id} />}
        </Section>
        {environment.length > 0 && (
          <Section title="Environment">
            <Pairs rows={environment} empty="" />
          </Section>
        )}
      </div>
      {answer.inputs.length > 0 && <Datasets answer={answer} />}
    </>
  );
}

function Datasets({ answer }: { answer: RunAnswer }) {
  return (
    <Section title="Datasets">
      <Scroll label="Datasets" className="card flush">
        <table>
          <thead>
            <tr>
              {['Name', 'Context', 'Rows', 'Columns', 'Digest', 'Source'].map((head) => (
                <th key={head} scope="col" class={head === 'Rows' ? 'n' : ''}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.inputs.map(({ name, context, rows, schema, digest, source }) => (
              <tr key={`${name}${context}${digest}`}>
                <th scope="row">{name}</th>
                <td>{context ?? '–'}</td>
                <td class="n">{formatNumber(rows)}</td>
                <td class="cell" title={schema?.map((column) => `${column.name}: ${column.type}`).join('\n')}>
                  {schema === undefined ? '–' : schema.map((column) => column.name).join(', ')}
                </td>
                <td>
                  <Digest value={digest} />
                </td>
                <td class="cell" title={source}>
                  {source ?? '–'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function Pairs({ rows, empty }: { rows: readonly (readonly [string, string])[]; empty: string }) {
  if (rows.length === 0) return <p class="muted">{empty}</p>;
  return (
    <dl class="pairs card">
      {rows.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
