/** @jsxImportSource preact */
import { useMemo, useState } from 'preact/hooks';
import type { RunStatus } from '../../tracker';
import type { CompareAnswer } from '../answers';
import { useColors } from './chart';
import { formatNumber, formatTime, formatValue } from './format';
import { useAnswer, useSource } from './hooks';
import { MetricCharts, Swatch } from './metric-charts';
import { ParallelRuns } from './parallel-runs';
import { Empty, Loading, Scroll, Section, StatusPill } from './pieces';
import { runHash, toHash } from './route';

/** Runs side by side. */
export function ComparePage({ ids }: { ids: readonly string[] }) {
  const query = new URLSearchParams(ids.map((id) => ['run', id]));
  const { answer, failure } = useAnswer<CompareAnswer>(ids.length === 0 ? undefined : `compare?${query}`);
  if (answer !== undefined) return <Comparison answer={answer} />;
  if (failure === undefined && ids.length > 0) return <Loading />;
  return (
    <Empty title={failure === undefined ? 'No runs to compare' : 'These runs cannot be compared'}>
      <p>{failure?.message ?? 'Select two runs or more in the table.'}</p>
      <p>
        <a href={toHash(['runs'])}>Go to the runs</a>
      </p>
    </Empty>
  );
}

interface Row {
  readonly key: string;
  readonly cells: readonly string[];
  readonly differs: boolean;
}

function Comparison({ answer }: { answer: CompareAnswer }) {
  const { runs, params, metrics, tags, datasets, environment } = answer;
  const { live } = useSource();
  const { series } = useColors();
  const [onlyDifferent, setOnlyDifferent] = useState(true);
  const names = runs.map(({ name }) => name);
  const charted = useMemo(
    () =>
      runs.map(({ id, name, startedAt }) => ({
        id,
        label: names.filter((other) => other === name).length > 1 ? `${name} (${id.slice(-4)})` : name,
        startedAt,
      })),
    [JSON.stringify(runs.map(({ id, name }) => [id, name]))],
  );
  const groups: readonly (readonly [string, readonly Row[]])[] = [
    ['Parameters', params.map(({ key, values, differs }) => ({ key, differs, cells: values.map(formatValue) }))],
    [
      'Metrics, last value',
      metrics.map(({ key, last }) => ({
        key,
        cells: last.map(formatNumber),
        differs: last.some((value) => !Object.is(value, last[0])),
      })),
    ],
    ['Tags', tags.map(({ key, values, differs }) => ({ key, differs, cells: values.map(formatValue) }))],
    [
      'Datasets',
      datasets.map(({ name, context, values, differs }) => ({
        key: context === undefined ? name : `${name} (${context})`,
        differs,
        cells: values.map((digest) => (digest === undefined ? '–' : digest.slice(0, 12))),
      })),
    ],
    ['Environment', environment.map(({ key, values, differs }) => ({ key, differs, cells: values.map(formatValue) }))],
  ];
  const hidden = groups.flatMap(([, rows]) => rows).filter(({ differs }) => !differs).length;
  return (
    <>
      <div class="title">
        {live && (
          <p class="eyebrow">
            <a href={toHash(['runs'])}>Runs</a>
          </p>
        )}
        <h1>{runs.length} runs compared</h1>
      </div>
      <Section title="Charts">
        <MetricCharts
          runs={charted}
          keys={metrics.map(({ key }) => key)}
          version={metrics.map(({ last, max, min }) => `${last}${max}${min}`).join()}
        />
      </Section>
      <Section title="Parallel coordinates">
        <ParallelRuns answer={answer} labels={charted.map(({ label }) => label)} />
      </Section>
      <Section
        title="Differences"
        aside={
          <label class="check">
            <input
              type="checkbox"
              checked={onlyDifferent}
              onChange={(event) => setOnlyDifferent(event.currentTarget.checked)}
            />
            <span>Only what differs{onlyDifferent && hidden > 0 ? ` (${hidden} hidden)` : ''}</span>
          </label>
        }
      >
        <Scroll label="Differences" className="card flush">
          <table class="differences">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">Field</span>
                </th>
                {runs.map(({ id }, index) => (
                  <th key={id} scope="col">
                    <Swatch color={series[index % series.length] as string} />
                    <a href={runHash(id)}>{charted[index]?.label}</a>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">Status</th>
                {runs.map(({ id, status }) => (
                  <td key={id}>
                    <StatusPill status={status as RunStatus} />
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">Started</th>
                {runs.map(({ id, startedAt }) => (
                  <td key={id} class="time">
                    {formatTime(startedAt)}
                  </td>
                ))}
              </tr>
            </tbody>
            {groups.map(([title, rows]) => {
              const shown = rows.filter(({ differs }) => differs || !onlyDifferent);
              if (shown.length === 0) return null;
              return (
                <tbody key={title}>
                  <tr class="group">
                    <th scope="rowgroup" colSpan={runs.length + 1}>
                      {title}
                    </th>
                  </tr>
                  {shown.map(({ key, cells, differs }) => (
                    <tr key={key} class={differs ? 'differs' : ''}>
                      <th scope="row">{key}</th>
                      {cells.map((cell, index) => (
                        <td key={runs[index]?.id} class="cell" title={cell}>
                          {cell}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              );
            })}
          </table>
        </Scroll>
      </Section>
    </>
  );
}
