import type { Families, Family } from './families';

/** The labels by which nearly everything is told apart. */
export const modelLabels = ['model_name', 'model_version'] as const;

/** Which series are asked for, and over which time rates are taken. */
export interface Scope {
  /** Conditions on the labels of a family's series, as {@link matching} writes them. */
  matchersFor(family: Pick<Family, 'labels'>): readonly string[];
  /** Window of a rate: a duration, or Grafana's variable for one. */
  readonly window: string;
}

/** Narrows a query: further conditions, or another window. */
export interface Narrowing {
  readonly where?: readonly string[];
  readonly window?: string;
}

/** A condition on a label, in PromQL. */
export function matching(label: string, operator: '=' | '!=' | '=~' | '!~', value: string): string {
  return `${label}${operator}"${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

/** An instant vector, in PromQL. */
export function vector(metric: string, matchers: readonly string[]): string {
  return matchers.length === 0 ? metric : `${metric}{${matchers.join(', ')}}`;
}

/** An aggregation; without labels it makes one number of all. */
export function aggregate(how: 'sum' | 'max' | 'min' | 'avg', by: readonly string[], expression: string): string {
  return by.length === 0 ? `${how}(${expression})` : `${how} by (${by.join(', ')}) (${expression})`;
}

/** The name of the samples that a family is asked for by: those that carry its value. */
export function sampleName({ name, type }: Family): string {
  switch (type) {
    case 'counter':
      return `${name}_total`;
    case 'info':
      return `${name}_info`;
    case 'histogram':
    case 'gaugehistogram':
      return `${name}_bucket`;
    default:
      return name;
  }
}

/** Writes queries about the families of a registry. Every method takes a family's name as `Families.find` does. */
export interface Queries {
  has(family: string): boolean;
  /** The series that carry the family's value, as they are. */
  select(family: string, narrowing?: Narrowing): string;
  /** Growth a second, added up. */
  rate(family: string, by: readonly string[], narrowing?: Narrowing): string;
  /** Growth within the window, added up. */
  increase(family: string, by: readonly string[], narrowing?: Narrowing): string;
  /** The present values, brought together. */
  value(how: 'sum' | 'max' | 'min', family: string, by: readonly string[], narrowing?: Narrowing): string;
  /** A quantile of what a histogram observed within the window, or of a gauge histogram as it stands. */
  quantile(quantile: number, family: string, by: readonly string[], narrowing?: Narrowing): string;
  /** Mean of what a histogram observed within the window; the histogram must have no negative bound. */
  mean(family: string, by: readonly string[], narrowing?: Narrowing): string;
  /** The place of the present state among the states of a state set, from 0; the highest of several series. */
  stateIndex(family: string, by: readonly string[]): string;
  /** Another query, and 0 for each model that it says nothing of: a counter of failures has no series before the first. */
  orZero(expression: string): string;
}

/** Makes the writer of queries for a scope. */
export function createQueries(families: Families, { matchersFor, window: usual }: Scope): Queries {
  const selectAs = (metric: (family: Family) => string, name: string, where: readonly string[] = []): string => {
    const family = families.get(name);
    return vector(metric(family), [...matchersFor(family), ...where]);
  };
  const select: Queries['select'] = (name, { where } = {}) => selectAs(sampleName, name, where);
  const suffixed = (suffix: string) => (family: Family) => family.name + suffix;

  return {
    has: (name) => families.find(name) !== undefined,
    select,
    rate: (name, by, narrowing = {}) =>
      aggregate('sum', by, `rate(${select(name, narrowing)}[${narrowing.window ?? usual}])`),
    increase: (name, by, narrowing = {}) =>
      aggregate('sum', by, `increase(${select(name, narrowing)}[${narrowing.window ?? usual}])`),
    value: (how, name, by, narrowing) => aggregate(how, by, select(name, narrowing)),
    quantile(quantile, name, by, narrowing = {}) {
      const buckets = select(name, narrowing);
      const counted =
        families.get(name).type === 'histogram' ? `rate(${buckets}[${narrowing.window ?? usual}])` : buckets;
      return `histogram_quantile(${quantile}, ${aggregate('sum', ['le', ...by], counted)})`;
    },
    mean(name, by, { where, window = usual } = {}) {
      const part = (suffix: string): string =>
        aggregate('sum', by, `rate(${selectAs(suffixed(suffix), name, where)}[${window}])`);
      return `${part('_sum')} / ${part('_count')}`;
    },
    stateIndex(name, by) {
      const family = families.get(name);
      const terms = family.states.map(
        (state, index) => `${select(name, { where: [matching(family.name, '=', state)] })} * ${index}`,
      );
      return aggregate('max', by, `sum without (${family.name}) (${terms.join(' or ')})`);
    },
    orZero(expression) {
      if (families.find('ml_model')?.type !== 'info') return `${expression} or on () vector(0)`;
      const none = `0 * ${aggregate('sum', modelLabels, select('ml_model'))}`;
      return `${expression} or on (${modelLabels.join(', ')}) (${none})`;
    },
  };
}
