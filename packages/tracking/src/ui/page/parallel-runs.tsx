/** @jsxImportSource preact */
import type { EChartsType } from 'echarts/core';
import { useMemo, useState } from 'preact/hooks';
import type { CompareAnswer } from '../answers';
import { Chart, useColors } from './chart';
import { type Dimension, parallelOption } from './chart-options';
import { formatCount } from './format';
import { Swatch } from './metric-charts';
import { Empty, Scroll } from './pieces';

/** So many axes are drawn where nobody chose. */
const mostAxes = 8;

/** The axes that say most: parameters that differ, then metrics. */
function usualDimensions({ params, metrics }: CompareAnswer): Dimension[] {
  const differing = params.filter(({ differs }) => differs).map(({ key }): Dimension => ({ scope: 'param', key }));
  const measured = metrics.map(({ key }): Dimension => ({ scope: 'metric', key }));
  const forMetrics = Math.min(measured.length, Math.max(2, mostAxes - differing.length));
  return [...differing.slice(0, mostAxes - forMetrics), ...measured.slice(0, forMetrics)];
}

const idOf = ({ scope, key }: Dimension): string => `${scope}:${key}`;

/** Every run as a line through its parameters and metrics. */
export function ParallelRuns({ answer, labels }: { answer: CompareAnswer; labels: readonly string[] }) {
  const colors = useColors();
  const { runs, params, metrics } = answer;
  const all: readonly Dimension[] = [
    ...params.map(({ key }): Dimension => ({ scope: 'param', key })),
    ...metrics.map(({ key }): Dimension => ({ scope: 'metric', key })),
  ];
  const [ids, setIds] = useState<readonly string[]>(() => usualDimensions(answer).map(idOf));
  const [chosen, setChosen] = useState<number>();
  const [active, setActive] = useState<readonly number[]>();
  const dimensions = all.filter((dimension) => ids.includes(idOf(dimension)));
  const lines = runs.map((_, index) => ({
    label: labels[index] ?? '',
    color: index,
    values: dimensions.map(({ scope, key }) => {
      if (scope === 'metric') return metrics.find((metric) => metric.key === key)?.last[index];
      const value = params.find((param) => param.key === key)?.values[index];
      return typeof value === 'boolean' ? String(value) : value;
    }),
  }));
  const fingerprint = JSON.stringify([lines, ids]);
  const option = useMemo(() => parallelOption(lines, dimensions, colors, chosen), [fingerprint, colors, chosen]);
  const onReady = (made: EChartsType): void => {
    made.on('axisareaselected', () => {
      const series = (made as unknown as { getModel(): EChartsModel }).getModel().getSeries();
      const found = series.flatMap((each, index) =>
        each.getRawIndicesByActiveState('active').length > 0 ? [index] : [],
      );
      setActive(found.length === series.length ? undefined : found);
    });
  };
  if (all.length < 2) {
    return (
      <Empty title="Nothing to draw">
        <p>The runs have fewer than two parameters and metrics.</p>
      </Empty>
    );
  }
  return (
    <div class="card">
      <fieldset class="axes">
        <legend class="hidden">Axes</legend>
        {all.map((dimension) => {
          const id = idOf(dimension);
          return (
            <label key={id} class="chip">
              <input
                type="checkbox"
                checked={ids.includes(id)}
                onChange={() => setIds(ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id])}
              />
              <span>{dimension.key}</span>
            </label>
          );
        })}
      </fieldset>
      {dimensions.length < 2 ? (
        <p class="muted">Choose two axes or more.</p>
      ) : (
        <Scroll label="Parallel coordinates">
          <Chart
            option={option}
            className={`parallel axes-${Math.min(12, dimensions.length)}`}
            label={`Parallel coordinates of ${formatCount(runs.length, 'run')} over ${dimensions.map(({ key }) => key).join(', ')}`}
            onReady={onReady}
          />
        </Scroll>
      )}
      <ul class="legend" aria-label="Point at a run to see its line">
        {lines.map(({ label, color }, index) => (
          <li key={runs[index]?.id}>
            <button
              type="button"
              class={`quiet ${active !== undefined && !active.includes(index) ? 'faint' : ''}`}
              aria-pressed={chosen === index}
              onClick={() => setChosen(chosen === index ? undefined : index)}
            >
              <Swatch color={colors.series[color % colors.series.length] as string} />
              {label}
            </button>
          </li>
        ))}
      </ul>
      <p class="note">
        {active === undefined
          ? 'Drag along an axis to keep the runs in a range; press a name to lift its line.'
          : `${formatCount(active.length, 'run')} in the chosen ranges. Click an axis to clear its range.`}
      </p>
    </div>
  );
}

/** What echarts' own model answers about brushed lines; its declarations leave it out. */
interface EChartsModel {
  getSeries(): readonly { getRawIndicesByActiveState(state: 'active'): readonly number[] }[];
}
