/** What of Grafana's dashboard model (schema version 39, Grafana 10.4 and later) a generated dashboard has. Plain JSON. */
export interface GrafanaDashboard {
  readonly id: null;
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly timezone: 'browser';
  readonly editable: boolean;
  /** 1: the crosshair is shared among the panels. */
  readonly graphTooltip: 0 | 1 | 2;
  readonly time: { readonly from: string; readonly to: string };
  readonly timepicker: Readonly<Record<string, never>>;
  readonly refresh: string;
  readonly schemaVersion: number;
  readonly version: number;
  readonly links: readonly never[];
  readonly annotations: { readonly list: readonly GrafanaAnnotation[] };
  readonly templating: { readonly list: readonly GrafanaVariable[] };
  readonly panels: readonly (GrafanaPanel | GrafanaRow)[];
}

/** Where data comes from. */
export interface GrafanaDataSource {
  readonly type: string;
  readonly uid: string;
}

/** Events that are drawn into every panel. */
export interface GrafanaAnnotation {
  readonly name: string;
  readonly datasource: GrafanaDataSource;
  readonly enable: boolean;
  readonly hide: boolean;
  readonly iconColor: string;
  readonly type?: 'dashboard';
  readonly builtIn?: 1;
  readonly expr?: string;
  readonly titleFormat?: string;
  readonly textFormat?: string;
}

/** A drop-down at the top of the dashboard. */
export interface GrafanaVariable {
  readonly name: string;
  readonly label: string;
  readonly type: 'datasource' | 'query';
  readonly query: string | { readonly query: string; readonly refId: string };
  readonly datasource?: GrafanaDataSource;
  readonly definition?: string;
  /** 1: read when the dashboard opens; 2: whenever its time changes. */
  readonly refresh: 1 | 2;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
  /** @default what Grafana finds first */
  readonly current?: { readonly text: readonly string[]; readonly value: readonly string[] };
  readonly options: readonly never[];
  readonly regex: string;
  readonly sort: number;
  readonly hide: 0 | 1 | 2;
}

/** Place of a panel in the grid of 24 columns. */
export interface GrafanaPlace {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** A heading over panels. */
export interface GrafanaRow {
  readonly id: number;
  readonly type: 'row';
  readonly title: string;
  readonly collapsed: boolean;
  readonly gridPos: GrafanaPlace;
  readonly panels: readonly never[];
}

/** The kinds of panel that are used. */
export type GrafanaPanelType = 'timeseries' | 'stat' | 'state-timeline' | 'status-history' | 'heatmap' | 'table';

/** One chart. */
export interface GrafanaPanel {
  readonly id: number;
  readonly type: GrafanaPanelType;
  readonly title: string;
  readonly description: string;
  readonly datasource: GrafanaDataSource;
  readonly gridPos: GrafanaPlace;
  readonly targets: readonly GrafanaTarget[];
  readonly fieldConfig: GrafanaFieldConfig;
  readonly options: Readonly<Record<string, unknown>>;
  readonly transformations?: readonly GrafanaTransformation[];
  readonly maxDataPoints?: number;
}

/** A query of a panel. */
export interface GrafanaTarget {
  readonly refId: string;
  readonly datasource: GrafanaDataSource;
  readonly expr: string;
  readonly legendFormat: string;
  readonly format: 'time_series' | 'table' | 'heatmap';
  readonly instant: boolean;
  readonly range: boolean;
  readonly editorMode: 'code';
}

/** How the values of a panel are shown. */
export interface GrafanaFieldConfig {
  readonly defaults: {
    readonly unit: string;
    readonly min?: number;
    readonly max?: number;
    readonly noValue?: string;
    readonly color: { readonly mode: string };
    readonly mappings: readonly GrafanaValueMapping[];
    readonly thresholds: { readonly mode: 'absolute'; readonly steps: readonly GrafanaThreshold[] };
    readonly custom?: Readonly<Record<string, unknown>>;
  };
  readonly overrides: readonly never[];
}

/** From which value on something has a colour; `null` for the lowest. */
export interface GrafanaThreshold {
  readonly value: number | null;
  readonly color: string;
}

/** Texts and colours in place of numbers. */
export interface GrafanaValueMapping {
  readonly type: 'value';
  readonly options: Readonly<Record<string, { readonly text: string; readonly color: string; readonly index: number }>>;
}

/** A step that data goes through before it is shown. */
export interface GrafanaTransformation {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
}
