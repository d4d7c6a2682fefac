/** @jsxImportSource preact */
import { useMemo, useState } from 'preact/hooks';
import type { HistoryAnswer } from '../answers';
import { Chart, useColors } from './chart';
import { formatPosition, type Line, type LineSettings, lineOption, type XAxis } from './chart-options';
import { formatNumber } from './format';
import { useHistories, useKept } from './hooks';
import { Empty, FailureBox } from './pieces';

/** A run whose lines are drawn. */
export interface ChartedRun {
  readonly id: string;
  readonly label: string;
  readonly startedAt: number;
}

interface MetricChartsProps {
  readonly runs: readonly ChartedRun[];
  /** The metrics, by name; each has a chart. */
  readonly keys: readonly string[];
  /** Anything that differs when there are more points. */
  readonly version: string;
}

/** So many charts are drawn before anybody asks for more. */
const atFirst = 12;

const defaults: LineSettings = { x: 'step', logarithmic: false, smoothing: 0 };

/** Charts of metrics, one a metric, with the lines of every run in each. */
export function MetricCharts({ runs, keys, version }: MetricChartsProps) {
  const [settings, setSettings] = useKept<LineSettings>('lines', defaults);
  const [find, setFind] = useState('');
  const [shown, setShown] = useState(atFirst);
  const matching = keys.filter((key) => key.toLowerCase().includes(find.toLowerCase()));
  const visible = matching.slice(0, shown);
  const { histories, failure } = useHistories(
    runs.map(({ id }) => id),
    visible,
    version,
  );
  if (keys.length === 0) {
    return (
      <Empty title="No metrics">
        <p>
          <code>
            run.log({'{ loss }'}, {'{ step }'})
          </code>{' '}
          draws a line here.
        </p>
      </Empty>
    );
  }
  return (
    <>
      <div class="toolbar">
        <label>
          Horizontal
          <select
            value={settings.x}
            onChange={(event) => setSettings({ ...settings, x: event.currentTarget.value as XAxis })}
          >
            <option value="step">Step</option>
            <option value="relative">Time since start</option>
            <option value="time">Time of day</option>
          </select>
        </label>
        <label>
          Smoothing
          <input
            type="range"
            min="0"
            max="0.98"
            step="0.02"
            value={settings.smoothing}
            aria-valuetext={settings.smoothing === 0 ? 'none' : String(settings.smoothing)}
            onInput={(event) => setSettings({ ...settings, smoothing: Number(event.currentTarget.value) })}
          />
          <output>{settings.smoothing === 0 ? 'none' : settings.smoothing.toFixed(2)}</output>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={settings.logarithmic}
            onChange={(event) => setSettings({ ...settings, logarithmic: event.currentTarget.checked })}
          />
          <span>Logarithmic</span>
        </label>
        {keys.length > 6 && (
          <input
            type="search"
            class="field"
            placeholder="Find a metric"
            aria-label="Find a metric"
            value={find}
            onInput={(event) => setFind(event.currentTarget.value)}
          />
        )}
      </div>
      {failure !== undefined && <FailureBox failure={failure} />}
      {runs.length > 1 && <Legend runs={runs} />}
      <div class="charts">
        {visible.map((key) => (
          <MetricChart
            key={key}
            name={key}
            runs={runs}
            histories={histories.filter((history) => history.key === key)}
            settings={settings}
          />
        ))}
      </div>
      {matching.length > visible.length && (
        <button type="button" class="button more" onClick={() => setShown(shown + atFirst * 2)}>
          Show {Math.min(atFirst * 2, matching.length - visible.length)} more of {matching.length} charts
        </button>
      )}
    </>
  );
}

/** Which colour is which run. */
export function Legend({ runs }: { runs: readonly ChartedRun[] }) {
  const { series } = useColors();
  return (
    <ul class="legend" aria-label="Colours of the runs">
      {runs.map(({ id, label }, index) => (
        <li key={id}>
          <Swatch color={series[index % series.length] as string} />
          {label}
        </li>
      ))}
    </ul>
  );
}

/** A spot of a run's colour. */
export function Swatch({ color }: { color: string }) {
  return (
    <svg class="swatch" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
      <rect width="10" height="10" rx="3" fill={color} />
    </svg>
  );
}

interface MetricChartProps {
  readonly name: string;
  readonly runs: readonly ChartedRun[];
  readonly histories: readonly HistoryAnswer[];
  readonly settings: LineSettings;
}

function MetricChart({ name, runs, histories, settings }: MetricChartProps) {
  const colors = useColors();
  const [wide, setWide] = useState(false);
  const lines = useMemo(
    () =>
      runs.flatMap(({ id, label, startedAt }, color): Line[] => {
        const history = histories.find(({ run }) => run === id);
        return history === undefined ? [] : [{ label, startedAt, color, history }];
      }),
    [runs, histories],
  );
  const option = useMemo(
    () => lineOption(lines, settings, colors, (position, rows) => tooltip(position, rows, settings.x)),
    [lines, settings, colors],
  );
  const last = ({ values }: HistoryAnswer): string => formatNumber(values.at(-1));
  const described = lines.map(({ label, history }) => `${label} ${last(history)}`).join(', ');
  const strange = histories.flatMap(({ values }) => values.filter((value) => !Number.isFinite(value))).length;
  return (
    <figure class={`card metric ${wide ? 'wide' : ''}`}>
      <figcaption>
        <span class="name">{name}</span>
        {lines.length === 1 && lines[0] !== undefined && <strong>{last(lines[0].history)}</strong>}
        <button
          type="button"
          class="quiet icon"
          aria-label={wide ? `Make the chart of ${name} small` : `Make the chart of ${name} large`}
          aria-pressed={wide}
          onClick={() => setWide(!wide)}
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path
              d={wide ? 'M13 3 9.2 6.8M9 3v4h4M3 13l3.8-3.8M7 13V9H3' : 'M9.2 6.8 13 3M9 3h4v4M6.8 9.2 3 13M7 13H3V9'}
              fill="none"
              stroke="currentColor"
              stroke-width="1.6"
            />
          </svg>
        </button>
      </figcaption>
      <Chart option={option} label={`${name}: ${described === '' ? 'no points yet' : described}`} />
      {strange > 0 && <p class="note">Gaps are points that are NaN or infinite: {strange}.</p>}
    </figure>
  );
}

/** What stands beside the pointer. Made of elements, so that no name can become markup. */
function tooltip(
  position: number,
  rows: readonly { readonly label: string; readonly color: string; readonly value: number }[],
  x: XAxis,
): HTMLElement {
  const box = document.createElement('div');
  box.className = 'tip';
  const head = document.createElement('div');
  head.textContent = formatPosition(position, x);
  box.append(head);
  for (const { label, color, value } of rows) {
    const row = document.createElement('div');
    const swatch = document.createElement('i');
    swatch.style.background = color;
    const text = document.createElement('span');
    text.textContent = label;
    const number = document.createElement('b');
    number.textContent = formatNumber(value);
    row.append(swatch, text, number);
    box.append(row);
  }
  return box;
}
