import type { Family } from '../families';
import { sectionOf } from '../known-families';
import { aggregate, type Queries } from '../promql';
import type { PanelPlan, PanelQuery } from './panel-plan';
import { type PanelChoices, quantileName } from './panel-recipe';
import { rateUnitOf, unitOf } from './units';

/** A panel for a family that no other panel shows, by its type. */
export function genericPanel(family: Family, queries: Queries, choices: PanelChoices): PanelPlan {
  const { name, help, unit } = family;
  const common = {
    key: `family ${name}`,
    section: sectionOf(family),
    title: titleOf(family),
    description: help,
    unit: unitOf(unit),
    width: 8,
    height: 8,
  };
  const by = family.labels;
  const legend = legendOf(by, name);
  switch (family.type) {
    case 'counter':
      return {
        ...common,
        kind: 'lines',
        unit: rateUnitOf(unit),
        min: 0,
        queries: [{ expr: queries.rate(name, by), legend }],
      };
    case 'histogram':
    case 'gaugehistogram':
      return { ...common, kind: 'lines', queries: quantileQueries(family, queries, choices) };
    case 'summary': {
      const labels = [...by, 'quantile'];
      return {
        ...common,
        kind: 'lines',
        queries: [{ expr: queries.value('max', name, labels), legend: legendOf(labels, name) }],
      };
    }
    case 'stateset':
      return {
        ...common,
        kind: 'states',
        unit: 'none',
        width: 24,
        height: 5,
        states: family.states,
        queries: [{ expr: queries.stateIndex(name, by), legend }],
      };
    case 'info':
      return {
        ...common,
        kind: 'table',
        unit: 'none',
        queries: [{ expr: queries.value('max', name, by), legend: '' }],
      };
    default: {
      // Nobody knows whether values of several processes may be added up, so each has its own line.
      const labels = [...by, 'instance'];
      return {
        ...common,
        kind: 'lines',
        queries: [{ expr: aggregate('max', labels, queries.select(name)), legend: legendOf(labels, name) }],
      };
    }
  }
}

function quantileQueries({ name, labels }: Family, queries: Queries, { quantiles }: PanelChoices): PanelQuery[] {
  return quantiles.map((quantile) => ({
    expr: queries.quantile(quantile, name, labels),
    legend: [quantileName(quantile), ...labels.map((label) => `{{${label}}}`)].join(' '),
  }));
}

function legendOf(labels: readonly string[], name: string): string {
  return labels.length === 0 ? name : labels.map((label) => `{{${label}}}`).join(' ');
}

/** `shop_basket_value_euros` is "Shop basket value", where `euros` is the unit. */
function titleOf({ name, unit }: Family): string {
  const words = (unit !== '' && name.endsWith(`_${unit}`) ? name.slice(0, -unit.length - 1) : name)
    .replaceAll('_', ' ')
    .trim();
  return words === '' ? name : words.charAt(0).toUpperCase() + words.slice(1);
}
