import type { KnownName, Section } from '../known-families';
import { modelLabels, type Queries } from '../promql';
import type { PanelKind, PanelQuery } from './panel-plan';

/** A panel for families of Fairlead's instruments. */
export interface PanelRecipe {
  readonly section: Section;
  readonly title: string;
  readonly kind: PanelKind;
  readonly unit: string;
  readonly width: number;
  /** @default 8 */
  readonly height?: number;
  readonly min?: number;
  readonly max?: number;
  readonly badFrom?: number;
  readonly valueHeading?: string;
  /** Names without a prefix; all have to be registered. Of a state panel the first is the state set. */
  readonly families: readonly KnownName[];
  /** Families that the panel shows too where they are registered. */
  readonly also?: readonly KnownName[];
  /** What a reader should know beside the HELP of the families. */
  readonly note?: string;
  readonly queries: (queries: Queries, choices: PanelChoices) => readonly PanelQuery[];
}

/** What the user chose. */
export interface PanelChoices {
  /** Quantiles of durations, ascending. */
  readonly quantiles: readonly number[];
}

/** Grafana's window for rates: as long as a step of the screen, and at least four scrapes. */
export const rateWindow = '$__rate_interval';

/** How a model is called in a legend. */
export const modelLegend = '{{model_name}} {{model_version}}';

/** A legend that says first what is shown. */
export function ofModel(what: string): string {
  return `${what} · ${modelLegend}`;
}

/** p50, p95, p99.9 … */
export function quantileName(quantile: number): string {
  return `p${Number((quantile * 100).toPrecision(6))}`;
}

/** The quantiles of a histogram by model. */
export function quantilesOf(family: string): PanelRecipe['queries'] {
  return (queries, { quantiles }) =>
    quantiles.map((quantile) => ({
      expr: queries.quantile(quantile, family, modelLabels),
      legend: ofModel(quantileName(quantile)),
    }));
}

/** Part of the requests that ended with an error. */
export function errorRatio(queries: Queries): string {
  const failed = queries.orZero(queries.rate('ml_prediction_request_failure', modelLabels));
  const [success, failure] = ['ml_prediction_request_success', 'ml_prediction_request_failure'].map((name) =>
    queries.select(name),
  );
  return `(${failed}) / sum by (${modelLabels.join(', ')}) (rate(${success}[${rateWindow}]) or rate(${failure}[${rateWindow}]))`;
}
