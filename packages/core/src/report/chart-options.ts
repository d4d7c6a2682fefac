import type { BarSeriesOption } from 'echarts/charts';
import type { DriftHistoryReport } from '../monitoring/drift-history';
import type { ChartOption } from './draw-charts';
import { figure, percent, shortTime } from './format';
import type { PerformanceSeries } from './sections';

/** Colours are variables of the page, so that one drawing serves light and dark. */
const ink = 'var(--muted)';
const line = 'var(--line)';
/** Also that of the page's style for drawings. */
const fontSize = 11;
/** Of a histogram, in its own pixels. */
const plotWidth = 292;
const digitWidth = 6;
const labelGap = 8;

/** A bar of a histogram. */
export interface HistogramBar {
  readonly label: string;
  /** Counts what is no finite value. */
  readonly tally: boolean;
  readonly referenceShare: number;
  readonly windowShare: number;
}

const shareAxis = {
  type: 'value',
  splitNumber: 3,
  axisLabel: { color: ink, fontSize, formatter: (value: number) => percent(value) },
  splitLine: { lineStyle: { color: line } },
} as const;

/** Reference and window beside each other, bin by bin. */
export function histogramOption(bars: readonly HistogramBar[]): ChartOption {
  const series = (color: string, shares: number[]): BarSeriesOption => ({
    type: 'bar',
    silent: true,
    emphasis: { disabled: true },
    barGap: '8%',
    barCategoryGap: '26%',
    itemStyle: { color, borderRadius: [1.5, 1.5, 0, 0] },
    data: shares,
  });
  const labelled = labelledBars(bars);
  return {
    grid: { left: 40, right: 8, top: 8, bottom: 22 },
    xAxis: {
      type: 'category',
      data: bars.map(({ label }) => label),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: 'var(--axis)' } },
      axisLabel: { color: ink, fontSize, interval: (index: number) => labelled.has(index) },
    },
    yAxis: shareAxis,
    series: [
      series(
        'var(--reference)',
        bars.map(({ referenceShare }) => referenceShare),
      ),
      series(
        'var(--window)',
        bars.map(({ windowShare }) => windowShare),
      ),
    ],
  };
}

/** Which bars have room for a label: every tally, and of the others those that keep clear of the label before and after. */
function labelledBars(bars: readonly HistogramBar[]): Set<number> {
  const pitch = plotWidth / bars.length;
  const half = (bar: number): number => ((bars[bar]?.label.length ?? 0) * digitWidth + labelGap) / 2;
  const clear = (left: number, right: number): boolean => (right - left) * pitch >= half(left) + half(right);
  const labelled = new Set<number>();
  const firstTally = bars.findIndex(({ tally }) => tally);
  let last: number | undefined;
  bars.forEach(({ tally }, bar) => {
    const fits = (last === undefined || clear(last, bar)) && (firstTally < 0 || clear(bar, firstTally));
    if (!tally && !fits) return;
    labelled.add(bar);
    last = bar;
  });
  return labelled;
}

/** Levels of the evidence, as powers of ten. */
export interface EvidenceLevels {
  readonly alarmLevelLog10: number;
  readonly warningLevelLog10: number;
}

/** The evidence on its logarithmic scale against the levels, with the episodes behind it. */
export function evidenceOption(
  history: DriftHistoryReport,
  { alarmLevelLog10, warningLevelLog10 }: EvidenceLevels,
  narrow: boolean,
): ChartOption {
  const { points, episodes } = history;
  const lastMs = points.at(-1)?.epochMs ?? 0;
  const stretchMs = lastMs - (points[0]?.epochMs ?? 0);
  const rowAxis = stretchMs <= 0;
  const peak = Math.max(alarmLevelLog10, ...points.map(({ evidenceLog10 }) => evidenceLog10));
  const level = (y: number, color: string, name: string, position: 'insideStartTop' | 'insideStartBottom') => ({
    yAxis: y,
    lineStyle: { color, type: 'dashed' as const, width: 1.25 },
    label: { formatter: name, color, fontSize, position, distance: 4 },
  });
  return {
    grid: { left: 36, right: narrow ? 10 : 16, top: 14, bottom: 26 },
    xAxis: {
      type: rowAxis ? 'value' : 'time',
      min: 'dataMin',
      max: 'dataMax',
      splitNumber: narrow ? 3 : 8,
      axisLine: { lineStyle: { color: 'var(--axis)' } },
      splitLine: { show: false },
      axisLabel: {
        color: ink,
        fontSize,
        hideOverlap: true,
        formatter: (value: number) => (rowAxis ? figure(value) : shortTime(value, stretchMs)),
      },
    },
    yAxis: {
      type: 'value',
      min: 0,
      max: Math.ceil(peak * 1.08 + 0.2),
      minInterval: 1,
      splitNumber: 5,
      axisLabel: { color: ink, fontSize },
      splitLine: { lineStyle: { color: line } },
    },
    series: [
      {
        type: 'line',
        silent: true,
        clip: false,
        emphasis: { disabled: true },
        showSymbol: points.length === 1,
        symbolSize: 5,
        lineStyle: { color: 'var(--window)', width: 1.75 },
        itemStyle: { color: 'var(--window)' },
        areaStyle: { color: 'var(--window)', opacity: 0.1 },
        data: points.map(({ epochMs, rowsSeen, evidenceLog10 }) => [rowAxis ? rowsSeen : epochMs, evidenceLog10]),
        markLine: {
          silent: true,
          symbol: 'none',
          data: [
            level(alarmLevelLog10, 'var(--bad)', 'alarm', 'insideStartTop'),
            level(warningLevelLog10, 'var(--warn)', 'warning', 'insideStartBottom'),
          ],
        },
        markArea: {
          silent: true,
          itemStyle: { color: 'var(--bad)', opacity: 0.09 },
          data: episodes.map(({ startedAtMs, startedAtRow, endedAtMs, endedAtRow }) => [
            { xAxis: rowAxis ? startedAtRow : startedAtMs },
            { xAxis: rowAxis ? (endedAtRow ?? points.at(-1)?.rowsSeen ?? 0) : (endedAtMs ?? lastMs) },
          ]),
        },
      },
    ],
  };
}

/** A metric over time with its interval. */
export function seriesOption({ points, reference }: PerformanceSeries): ChartOption {
  const stretchMs = (points.at(-1)?.epochMs ?? 0) - (points[0]?.epochMs ?? 0);
  const base = { type: 'line', silent: true, clip: false, showSymbol: false, emphasis: { disabled: true } } as const;
  const interval = points.some(({ lower, upper }) => lower !== undefined && upper !== undefined);
  const bound = (which: 'lower' | 'upper') =>
    ({
      ...base,
      lineStyle: { color: 'var(--window)', width: 1, opacity: 0.7, type: 'dotted' },
      data: points.map((point) => [point.epochMs, point[which] ?? null]),
    }) as const;
  return {
    grid: { left: 44, right: 10, top: 12, bottom: 22 },
    xAxis: {
      type: 'time',
      min: 'dataMin',
      max: 'dataMax',
      splitNumber: 3,
      axisLine: { lineStyle: { color: 'var(--axis)' } },
      splitLine: { show: false },
      axisLabel: { color: ink, fontSize, hideOverlap: true, formatter: (ms: number) => shortTime(ms, stretchMs) },
    },
    yAxis: {
      type: 'value',
      scale: true,
      splitNumber: 3,
      axisLabel: { color: ink, fontSize, formatter: (value: number) => figure(value) },
      splitLine: { lineStyle: { color: line } },
    },
    series: [
      ...(interval ? [bound('lower'), bound('upper')] : []),
      {
        ...base,
        showSymbol: points.length === 1,
        itemStyle: { color: 'var(--window)' },
        lineStyle: { color: 'var(--window)', width: 1.75 },
        data: points.map(({ epochMs, value }) => [epochMs, value]),
        ...(reference === undefined
          ? {}
          : {
              markLine: {
                silent: true,
                symbol: 'none',
                label: { show: false },
                data: [{ yAxis: reference, lineStyle: { color: 'var(--reference)', type: 'dashed', width: 1.5 } }],
              },
            }),
      },
    ],
  };
}
