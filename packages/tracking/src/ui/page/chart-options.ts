import type { LineSeriesOption, ParallelSeriesOption } from 'echarts/charts';
import type { GridComponentOption, TooltipComponentOption } from 'echarts/components';
import type { ComposeOption, EChartsCoreOption } from 'echarts/core';
import type { HistoryAnswer } from '../answers';
import { formatDuration, formatNumber, formatTime, shorten } from './format';

/** What a chart of lines is drawn from. */
type LineOption = ComposeOption<LineSeriesOption | GridComponentOption | TooltipComponentOption>;

/** Colours of a theme, since a canvas knows no variables of CSS. */
export interface ChartColors {
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly card: string;
  /** Of the runs, in turn. */
  readonly series: readonly string[];
}

/** What a chart's horizontal axis is. */
export type XAxis = 'step' | 'relative' | 'time';

/** How lines are drawn. */
export interface LineSettings {
  readonly x: XAxis;
  readonly logarithmic: boolean;
  /** 0 for none, below 1: the weight of what came before. */
  readonly smoothing: number;
}

/** A line and the run that it belongs to. */
export interface Line {
  readonly label: string;
  /** Index of its colour. */
  readonly color: number;
  readonly startedAt: number;
  readonly history: HistoryAnswer;
}

/**
 * An exponential moving average that begins without bias. What is no finite number is a gap: it stays, and changes nothing.
 * @param weight of what came before, 0 to below 1
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let last = 0;
  let power = 1;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    power *= weight;
    return last / (1 - power);
  });
}

/** Where the points of a line stand on the horizontal axis. */
function positionsOf({ history, startedAt }: Line, x: XAxis): readonly number[] {
  if (x === 'step') return history.steps;
  if (x === 'time') return history.timestamps;
  return history.timestamps.map((at) => at - startedAt);
}

/** The points of a line, by their place on the axis; what cannot be drawn is a gap. */
function pointsOf(line: Line, settings: LineSettings, values: readonly number[]): [number, number | null][] {
  const positions = positionsOf(line, settings.x);
  const points = values.map((value, i): [number, number | null] => {
    const drawn = Number.isFinite(value) && !(settings.logarithmic && value <= 0);
    return [positions[i] as number, drawn ? value : null];
  });
  return points.sort((a, b) => a[0] - b[0]);
}

/** A position on the horizontal axis in words. */
export function formatPosition(value: number, x: XAxis): string {
  if (x === 'relative') return formatDuration(value);
  return x === 'time' ? formatTime(value) : `step ${formatNumber(value)}`;
}

const dashes = ['solid', 'dashed', 'dotted'] as const;

/** Lines of one metric of several runs. */
export function lineOption(
  lines: readonly Line[],
  settings: LineSettings,
  colors: ChartColors,
  tooltip: (
    position: number,
    rows: readonly { readonly label: string; readonly color: string; readonly value: number }[],
  ) => HTMLElement,
): LineOption {
  const series: LineSeriesOption[] = lines.flatMap((line): LineSeriesOption[] => {
    const color = colors.series[line.color % colors.series.length] as string;
    const dash = dashes[Math.floor(line.color / colors.series.length) % dashes.length] as 'solid';
    const base: LineSeriesOption = {
      type: 'line',
      name: line.label,
      showSymbol: line.history.values.length === 1,
      symbolSize: 6,
      emphasis: { disabled: true },
      itemStyle: { color },
    };
    const raw = pointsOf(line, settings, line.history.values);
    if (settings.smoothing === 0) return [{ ...base, data: raw, lineStyle: { color, width: 1.75, type: dash } }];
    const smoothed = pointsOf(line, settings, smooth(line.history.values, settings.smoothing));
    return [
      {
        ...base,
        data: raw,
        silent: true,
        name: '',
        lineStyle: { color, width: 1, opacity: 0.22 },
        tooltip: { show: false },
      },
      { ...base, data: smoothed, lineStyle: { color, width: 2, type: dash } },
    ];
  });
  const axis = { axisLine: { lineStyle: { color: colors.line } }, axisTick: { show: false } };
  const label = { color: colors.muted, fontSize: 11, hideOverlap: true };
  return {
    grid: { left: 8, right: 16, top: 12, bottom: 4, containLabel: true },
    tooltip: {
      trigger: 'axis',
      confine: true,
      transitionDuration: 0,
      backgroundColor: colors.card,
      borderColor: colors.line,
      textStyle: { color: colors.ink, fontSize: 12 },
      axisPointer: { type: 'line', lineStyle: { color: colors.muted, type: 'dashed' } },
      formatter(given) {
        const found = (Array.isArray(given) ? given : [given]).filter(({ seriesName }) => seriesName !== '');
        const rows = found.map(({ seriesName = '', color, value }) => ({
          label: seriesName,
          color: String(color),
          value: Number((value as readonly unknown[])[1] ?? Number.NaN),
        }));
        return tooltip(Number((found[0]?.value as readonly unknown[] | undefined)?.[0]), rows);
      },
    },
    xAxis: {
      type: settings.x === 'time' ? 'time' : 'value',
      scale: true,
      ...axis,
      axisLabel: {
        ...label,
        ...(settings.x === 'time'
          ? {}
          : {
              formatter: (value: number) => (settings.x === 'relative' ? formatDuration(value) : formatNumber(value)),
            }),
      },
      splitLine: { show: false },
    },
    yAxis: {
      type: settings.logarithmic ? 'log' : 'value',
      scale: true,
      axisLabel: { ...label, formatter: (value: number) => formatNumber(value) },
      splitLine: { lineStyle: { color: colors.line } },
      splitNumber: 4,
    },
    series,
  };
}

/** An axis of parallel coordinates. */
export interface Dimension {
  readonly scope: 'param' | 'metric';
  readonly key: string;
}

/** What is drawn for a run that has nothing on an axis. */
const nothing = '–';

/** Runs as lines through axes of parameters and metrics. */
export function parallelOption(
  runs: readonly {
    readonly label: string;
    readonly color: number;
    readonly values: readonly (string | number | undefined)[];
  }[],
  dimensions: readonly Dimension[],
  colors: ChartColors,
  chosen: number | undefined,
): EChartsCoreOption {
  const isNumeric = dimensions.map((_, at) =>
    runs.every(({ values }) => typeof values[at] === 'number' && Number.isFinite(values[at])),
  );
  const categories = dimensions.map((_, at) => [
    ...new Set(runs.map(({ values }) => (values[at] === undefined ? nothing : formatCell(values[at])))),
  ]);
  return {
    tooltip: { show: false },
    parallel: { left: 56, right: 72, top: 44, bottom: 20, axisExpandable: false },
    parallelAxis: dimensions.map(({ key }, dim) => {
      const common = {
        dim,
        name: shorten(key, 18),
        nameTextStyle: { color: colors.ink, fontSize: 12, fontWeight: 600 as const },
        nameGap: 16,
        axisLine: { lineStyle: { color: colors.muted } },
        axisTick: { show: false },
        areaSelectStyle: { width: 16, borderWidth: 1, borderColor: colors.ink, color: colors.muted, opacity: 0.3 },
      };
      const label = { color: colors.muted, fontSize: 11 };
      if (isNumeric[dim] === true) {
        const axisLabel = { ...label, formatter: (value: number) => formatNumber(value) };
        return { ...common, type: 'value' as const, scale: true, axisLabel };
      }
      const axisLabel = { ...label, formatter: (value: string) => shorten(value, 14) };
      return { ...common, type: 'category' as const, data: categories[dim] as string[], axisLabel };
    }),
    series: runs.map(
      ({ label, color, values }, at): ParallelSeriesOption => ({
        type: 'parallel',
        name: label,
        lineStyle: {
          color: colors.series[color % colors.series.length] as string,
          width: chosen === at ? 4 : 2,
          opacity: chosen === undefined || chosen === at ? 0.9 : 0.25,
        },
        inactiveOpacity: 0.08,
        activeOpacity: 0.95,
        data: [
          values.map((value, dim) =>
            isNumeric[dim] === true ? (value as number) : value === undefined ? nothing : formatCell(value),
          ),
        ],
      }),
    ),
  };
}

function formatCell(value: string | number | undefined): string {
  return typeof value === 'number' ? formatNumber(value) : String(value);
}
