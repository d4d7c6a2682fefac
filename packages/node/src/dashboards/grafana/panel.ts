import type { GrafanaDataSource, GrafanaFieldConfig, GrafanaPanel, GrafanaPanelType, GrafanaTarget } from './model';
import type { PanelKind, PanelPlan } from './panel-plan';

/** The data source that is chosen at the top of the dashboard. */
export const chosenDataSource: GrafanaDataSource = { type: 'prometheus', uid: '$datasource' };

type FieldDefaults = GrafanaFieldConfig['defaults'];

const types: Readonly<Record<PanelKind, GrafanaPanelType>> = {
  lines: 'timeseries',
  stack: 'timeseries',
  bars: 'timeseries',
  number: 'stat',
  state: 'stat',
  states: 'state-timeline',
  cells: 'status-history',
  distribution: 'heatmap',
  table: 'table',
};

const legend = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };
const tooltip = { mode: 'multi', sort: 'desc' };
const hideFrom = { legend: false, tooltip: false, viz: false };

/** Makes the panel of a plan, at its place. */
export function toGrafanaPanel(plan: PanelPlan, place: Pick<GrafanaPanel, 'id' | 'gridPos'>): GrafanaPanel {
  const { kind, title, description } = plan;
  return {
    ...place,
    type: types[kind],
    title,
    description,
    datasource: chosenDataSource,
    targets: plan.queries.map((query, index) => toTarget(plan.kind, query, index)),
    fieldConfig: { defaults: fieldsOf(plan), overrides: [] },
    options: optionsOf(plan),
    ...(kind === 'table' ? { transformations: [withoutTime(plan)] } : {}),
    // More cells than these are too narrow to be told apart.
    ...(kind === 'cells' ? { maxDataPoints: 120 } : {}),
  };
}

function toTarget(kind: PanelKind, { expr, legend: name }: PanelPlan['queries'][number], index: number): GrafanaTarget {
  const format = kind === 'table' ? 'table' : kind === 'distribution' ? 'heatmap' : 'time_series';
  const instant = kind === 'table';
  return {
    refId: String.fromCharCode(65 + index),
    datasource: chosenDataSource,
    expr,
    legendFormat: name,
    format,
    instant,
    range: !instant,
    editorMode: 'code',
  };
}

function fieldsOf(plan: PanelPlan): FieldDefaults {
  const { kind, min, max, unit, badFrom } = plan;
  const steps = [{ value: null, color: 'green' }, ...(badFrom === undefined ? [] : [{ value: badFrom, color: 'red' }])];
  return {
    // The cells of a distribution are counts; its axis has the unit.
    unit: kind === 'distribution' ? 'short' : unit,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    color: { mode: colourModeOf(kind) },
    mappings: plan.states === undefined ? [] : [stateMapping(plan.states)],
    thresholds: { mode: 'absolute', steps },
    ...customOf(kind),
  };
}

function colourModeOf(kind: PanelKind): string {
  switch (kind) {
    case 'number':
    case 'state':
    case 'states':
    case 'table':
      return 'thresholds';
    case 'cells':
      return 'continuous-GrYlRd';
    default:
      return 'palette-classic';
  }
}

/** What a kind of chart alone knows about its fields. */
function customOf(kind: PanelKind): { readonly custom?: Readonly<Record<string, unknown>> } {
  switch (kind) {
    case 'lines':
    case 'stack':
    case 'bars':
      return {
        custom: {
          drawStyle: kind === 'bars' ? 'bars' : 'line',
          lineInterpolation: 'linear',
          lineWidth: 1,
          fillOpacity: kind === 'lines' ? 8 : kind === 'stack' ? 35 : 80,
          gradientMode: 'none',
          showPoints: 'auto',
          pointSize: 5,
          spanNulls: false,
          stacking: { mode: kind === 'lines' ? 'none' : 'normal', group: 'A' },
          axisPlacement: 'auto',
          scaleDistribution: { type: 'linear' },
          thresholdsStyle: { mode: 'off' },
          hideFrom,
        },
      };
    case 'states':
    case 'cells':
      return { custom: { lineWidth: kind === 'states' ? 0 : 1, fillOpacity: 80, hideFrom } };
    case 'distribution':
      return { custom: { scaleDistribution: { type: 'linear' }, hideFrom } };
    case 'table':
      return { custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false } };
    default:
      return {};
  }
}

function optionsOf({ kind, unit, valueHeading }: PanelPlan): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'number':
    case 'state':
      return {
        graphMode: kind === 'number' ? 'area' : 'none',
        colorMode: kind === 'number' ? 'value' : 'background',
        justifyMode: 'auto',
        textMode: 'auto',
        wideLayout: true,
        showPercentChange: false,
        orientation: 'auto',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      };
    case 'states':
      return { showValue: 'auto', rowHeight: 0.9, mergeValues: true, alignValue: 'left', legend, tooltip };
    case 'cells':
      return { showValue: 'never', rowHeight: 0.9, colWidth: 0.95, legend: { ...legend, showLegend: false }, tooltip };
    case 'distribution':
      return {
        calculate: false,
        cellGap: 1,
        color: {
          mode: 'scheme',
          scheme: 'Blues',
          fill: 'dark-blue',
          scale: 'exponential',
          exponent: 0.5,
          steps: 64,
          reverse: false,
        },
        exemplars: { color: 'rgba(255,0,255,0.7)' },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        showValue: 'never',
        tooltip: { mode: 'single', yHistogram: true, showColorScale: true },
        yAxis: { axisPlacement: 'left', reverse: false, unit },
      };
    case 'table':
      return {
        frameIndex: 0,
        showHeader: true,
        cellHeight: 'sm',
        ...(valueHeading === undefined ? {} : { sortBy: [{ displayName: valueHeading, desc: true }] }),
      };
    default:
      return { legend, tooltip };
  }
}

function withoutTime({ valueHeading }: PanelPlan) {
  const excludeByName = { Time: true, ...(valueHeading === undefined ? { Value: true } : {}) };
  const renameByName = valueHeading === undefined ? {} : { Value: valueHeading };
  return { id: 'organize', options: { excludeByName, indexByName: {}, renameByName } };
}

/** Colours of states whose names say how bad they are. */
const stateColours: ReadonlyMap<string, string> = new Map([
  ['ok', 'green'],
  ['closed', 'green'],
  ['healthy', 'green'],
  ['passed', 'green'],
  ['ready', 'green'],
  ['warning', 'yellow'],
  ['half_open', 'yellow'],
  ['degraded', 'yellow'],
  ['drift', 'red'],
  ['open', 'red'],
  ['failed', 'red'],
  ['violated', 'red'],
  ['critical', 'red'],
  ['running', 'blue'],
  ['promoted', 'green'],
  ['paused', 'yellow'],
  ['waiting-for-approval', 'yellow'],
  ['rolled-back', 'red'],
  ['aborted', 'orange'],
]);

/** Colours of other states, in turn. */
const otherColours = ['blue', 'purple', 'orange', 'super-light-blue', 'super-light-purple', 'super-light-orange'];

function stateMapping(states: readonly string[]) {
  const results = states.map((state, index) => {
    const color = stateColours.get(state) ?? (otherColours[index % otherColours.length] as string);
    return [String(index), { text: state, color, index }] as const;
  });
  return { type: 'value', options: Object.fromEntries(results) } as const;
}
