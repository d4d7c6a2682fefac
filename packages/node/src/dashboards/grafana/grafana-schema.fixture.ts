import * as z from 'zod/mini';

/*
 * Grafana's classic dashboard model, strictly: every field that a generated dashboard may have, with the values that Grafana
 * documents for it. An unknown field or value fails, so a slip of the pen cannot pass for an option of Grafana.
 */

const text = z.string().check(z.minLength(1));
const color = z
  .string()
  .check(z.regex(/^(rgba\(.+\)|(super-light-|light-|semi-dark-|dark-)?(green|yellow|red|blue|orange|purple))$/));
const dataSource = z.union([
  z.strictObject({ type: z.literal('prometheus'), uid: z.literal('$datasource') }),
  z.strictObject({ type: z.literal('grafana'), uid: z.literal('-- Grafana --') }),
]);
const place = z.strictObject({
  x: z.int().check(z.minimum(0), z.maximum(23)),
  y: z.int().check(z.minimum(0)),
  w: z.int().check(z.minimum(1), z.maximum(24)),
  h: z.int().check(z.minimum(1)),
});
const id = z.int().check(z.minimum(1), z.maximum(2 ** 31 - 1));

const legend = z.strictObject({
  displayMode: z.enum(['list', 'table', 'hidden']),
  placement: z.enum(['bottom', 'right']),
  showLegend: z.boolean(),
  calcs: z.array(z.string()),
});
const tooltip = z.strictObject({ mode: z.enum(['single', 'multi', 'none']), sort: z.enum(['asc', 'desc', 'none']) });
const visibility = z.enum(['auto', 'never', 'always']);
const hideFrom = z.strictObject({ legend: z.boolean(), tooltip: z.boolean(), viz: z.boolean() });
const scale = z.strictObject({ type: z.enum(['linear', 'log', 'ordinal', 'symlog']) });
const share = z.number().check(z.minimum(0), z.maximum(1));
const percent = z.number().check(z.minimum(0), z.maximum(100));

const units = [
  ...['none', 'short', 'percent', 'percentunit', 's', 'bytes', 'Bps', 'reqps', 'rowsps', 'ops', 'cps'],
  ...['celsius', 'lengthm', 'volt', 'amp', 'joule', 'watt', 'massg', 'hertz'],
];

/** The defaults of all fields; `custom` is what the kind of panel alone has. */
const fields = <T extends z.ZodMiniType>(custom: T) =>
  z.strictObject({
    defaults: z.strictObject({
      unit: z.enum(units),
      min: z.optional(z.number()),
      max: z.optional(z.number()),
      color: z.strictObject({ mode: z.enum(['thresholds', 'palette-classic', 'continuous-GrYlRd']) }),
      mappings: z.array(
        z.strictObject({
          type: z.literal('value'),
          options: z.record(z.string(), z.strictObject({ text, color, index: z.int() })),
        }),
      ),
      thresholds: z.strictObject({
        mode: z.enum(['absolute', 'percentage']),
        steps: z.array(z.strictObject({ value: z.nullable(z.number()), color })).check(z.minLength(1)),
      }),
      custom,
    }),
    overrides: z.array(z.never()),
  });

const target = (format: 'time_series' | 'table' | 'heatmap') =>
  z.strictObject({
    refId: z.string().check(z.regex(/^[A-Z]$/)),
    datasource: dataSource,
    expr: text,
    legendFormat: z.string(),
    format: z.literal(format),
    instant: z.literal(format === 'table'),
    range: z.literal(format !== 'table'),
    editorMode: z.enum(['code', 'builder']),
  });

const panel = <T extends string, O extends z.ZodMiniType, C extends z.ZodMiniType>(
  type: T,
  options: O,
  custom: C,
  format: 'time_series' | 'table' | 'heatmap' = 'time_series',
) =>
  z.strictObject({
    id,
    type: z.literal(type),
    title: text,
    description: text,
    datasource: dataSource,
    gridPos: place,
    targets: z.array(target(format)).check(z.minLength(1), z.maxLength(26)),
    fieldConfig: fields(custom),
    options,
    transformations: z.optional(z.array(z.strictObject({ id: z.literal('organize'), options: organize }))),
    maxDataPoints: z.optional(z.int().check(z.minimum(1))),
  });

const organize = z.strictObject({
  excludeByName: z.record(z.string(), z.boolean()),
  indexByName: z.record(z.string(), z.int()),
  renameByName: z.record(z.string(), z.string()),
});

const timeSeries = panel(
  'timeseries',
  z.strictObject({ legend, tooltip }),
  z.strictObject({
    drawStyle: z.enum(['line', 'bars', 'points']),
    lineInterpolation: z.enum(['linear', 'smooth', 'stepBefore', 'stepAfter']),
    lineWidth: z.int().check(z.minimum(0), z.maximum(10)),
    fillOpacity: percent,
    gradientMode: z.enum(['none', 'opacity', 'hue', 'scheme']),
    showPoints: visibility,
    pointSize: z.int().check(z.minimum(1)),
    spanNulls: z.boolean(),
    stacking: z.strictObject({ mode: z.enum(['none', 'normal', 'percent']), group: text }),
    axisPlacement: z.enum(['auto', 'left', 'right', 'hidden']),
    scaleDistribution: scale,
    thresholdsStyle: z.strictObject({ mode: z.enum(['off', 'line', 'dashed', 'area']) }),
    hideFrom,
  }),
);

const stat = panel(
  'stat',
  z.strictObject({
    graphMode: z.enum(['none', 'line', 'area']),
    colorMode: z.enum(['value', 'background', 'background_solid', 'none']),
    justifyMode: z.enum(['auto', 'center']),
    textMode: z.enum(['auto', 'value', 'value_and_name', 'name', 'none']),
    wideLayout: z.boolean(),
    showPercentChange: z.boolean(),
    orientation: z.enum(['auto', 'vertical', 'horizontal']),
    reduceOptions: z.strictObject({
      calcs: z.array(z.enum(['lastNotNull', 'last', 'mean', 'max'])).check(z.minLength(1)),
      fields: z.string(),
      values: z.boolean(),
    }),
  }),
  z.optional(z.never()),
);

const cells = z.strictObject({ lineWidth: z.int(), fillOpacity: percent, hideFrom });

const stateTimeline = panel(
  'state-timeline',
  z.strictObject({
    showValue: visibility,
    rowHeight: share,
    mergeValues: z.boolean(),
    alignValue: z.enum(['left', 'center', 'right']),
    legend,
    tooltip,
  }),
  cells,
);

const statusHistory = panel(
  'status-history',
  z.strictObject({ showValue: visibility, rowHeight: share, colWidth: share, legend, tooltip }),
  cells,
);

const heatmap = panel(
  'heatmap',
  z.strictObject({
    calculate: z.literal(false),
    cellGap: z.int(),
    color: z.strictObject({
      mode: z.enum(['opacity', 'scheme']),
      scheme: z.enum(['Blues', 'Oranges', 'Spectral']),
      fill: color,
      scale: z.enum(['linear', 'exponential']),
      exponent: z.number(),
      steps: z.int().check(z.minimum(2), z.maximum(128)),
      reverse: z.boolean(),
    }),
    exemplars: z.strictObject({ color }),
    filterValues: z.strictObject({ le: z.number() }),
    legend: z.strictObject({ show: z.boolean() }),
    rowsFrame: z.strictObject({ layout: z.enum(['le', 'ge', 'unknown', 'auto']) }),
    showValue: visibility,
    tooltip: z.strictObject({
      mode: z.enum(['single', 'multi', 'none']),
      yHistogram: z.boolean(),
      showColorScale: z.boolean(),
    }),
    yAxis: z.strictObject({
      axisPlacement: z.enum(['auto', 'left', 'right', 'hidden']),
      reverse: z.boolean(),
      unit: z.enum(units),
    }),
  }),
  z.strictObject({ scaleDistribution: scale, hideFrom }),
  'heatmap',
);

const table = panel(
  'table',
  z.strictObject({
    frameIndex: z.int(),
    showHeader: z.boolean(),
    cellHeight: z.enum(['sm', 'md', 'lg', 'auto']),
    sortBy: z.optional(z.array(z.strictObject({ displayName: text, desc: z.boolean() }))),
  }),
  z.strictObject({
    align: z.enum(['auto', 'left', 'right', 'center']),
    cellOptions: z.strictObject({ type: z.enum(['auto']) }),
    inspect: z.boolean(),
  }),
  'table',
);

const row = z.strictObject({
  id,
  type: z.literal('row'),
  title: text,
  collapsed: z.literal(false),
  gridPos: place,
  panels: z.array(z.never()),
});

const variableFields = {
  name: z.string().check(z.regex(/^\w+$/)),
  label: text,
  hide: z.literal([0, 1, 2]),
  sort: z.int().check(z.minimum(0), z.maximum(8)),
  regex: z.string(),
  options: z.array(z.never()),
};

const variable = z.discriminatedUnion('type', [
  z.strictObject({
    ...variableFields,
    type: z.literal('datasource'),
    query: z.literal('prometheus'),
    refresh: z.literal(1),
    multi: z.literal(false),
    includeAll: z.literal(false),
  }),
  z.strictObject({
    ...variableFields,
    type: z.literal('query'),
    datasource: dataSource,
    query: z.strictObject({ query: z.string().check(z.regex(/^label_values\(.+, \w+\)$/)), refId: text }),
    definition: text,
    refresh: z.literal(2),
    multi: z.boolean(),
    includeAll: z.boolean(),
    allValue: z.optional(z.literal('.*')),
    current: z.optional(z.strictObject({ text: z.array(text), value: z.array(text) })),
  }),
]);

const annotation = z.union([
  z.strictObject({
    name: text,
    datasource: dataSource,
    enable: z.literal(true),
    hide: z.literal(true),
    iconColor: color,
    type: z.literal('dashboard'),
    builtIn: z.literal(1),
  }),
  z.strictObject({
    name: text,
    datasource: dataSource,
    enable: z.boolean(),
    hide: z.boolean(),
    iconColor: color,
    expr: text,
    titleFormat: text,
    textFormat: z.string(),
  }),
]);

/** A dashboard that Grafana 10.4 and later read as it is meant. */
export const grafanaSchema = z.strictObject({
  id: z.null(),
  uid: z.string().check(z.regex(/^[a-zA-Z0-9_-]{1,40}$/)),
  title: text,
  description: z.string(),
  tags: z.array(z.string()),
  timezone: z.enum(['browser', 'utc']),
  editable: z.boolean(),
  graphTooltip: z.literal([0, 1, 2]),
  time: z.strictObject({ from: text, to: text }),
  timepicker: z.strictObject({}),
  refresh: z.string(),
  schemaVersion: z.int().check(z.minimum(38), z.maximum(42)),
  version: z.int(),
  links: z.array(z.never()),
  annotations: z.strictObject({ list: z.array(annotation) }),
  templating: z.strictObject({ list: z.array(variable) }),
  panels: z.array(z.discriminatedUnion('type', [row, timeSeries, stat, stateTimeline, statusHistory, heatmap, table])),
});
