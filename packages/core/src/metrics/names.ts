import { FairleadError } from '../errors';
import { escapeText } from './text';

/** The kinds of metric families, by their names in OpenMetrics. */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'summary' | 'info' | 'stateset';

/** What a family's sample names end with, beside the family's own name. */
const sampleSuffixes: Readonly<Record<MetricType, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['_count', '_sum', '_created'],
  info: ['_info'],
  stateset: [],
};

/** Suffixes that the writer adds, so that a name which brings them along would carry them twice. */
const addedSuffixes: Partial<Readonly<Record<MetricType, string>>> = { counter: '_total', info: '_info' };

// OpenMetrics keeps a leading underscore and colons for itself and for recording rules.
const legalName = /^[a-zA-Z][a-zA-Z0-9_]*$/;
const nameRule = 'a letter, then letters, digits and underscores';

/** Every name that a family takes, so that no other family may use it. */
export function namesOf(type: MetricType, name: string): readonly string[] {
  return [name, ...sampleSuffixes[type].map((suffix) => name + suffix)];
}

function wrong(owner: string, field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}

/** @throws FairleadError `INVALID_OPTION` when a family may not be called that */
export function checkFamilyName(owner: string, type: MetricType, name: string, unit: string): void {
  if (!legalName.test(name)) throw wrong(owner, 'name', nameRule, JSON.stringify(name));
  const added = addedSuffixes[type];
  if (added !== undefined && name.endsWith(added)) {
    throw wrong(owner, 'name', `a name without "${added}", which is added on output`, JSON.stringify(name));
  }
  if (unit === '') return;
  if (!legalName.test(unit)) throw wrong(owner, 'unit', nameRule, JSON.stringify(unit));
  if (!name.endsWith(`_${unit}`)) {
    throw wrong(owner, 'name', `a name that ends with its unit, "_${unit}"`, JSON.stringify(name));
  }
}

/**
 * @param reserved labels that the family writes itself: `le`, `quantile`, or a state set's own name
 * @throws FairleadError `INVALID_OPTION` for a label name that is not legal, taken, or given twice
 */
export function checkLabelNames(owner: string, labels: readonly string[], reserved: readonly string[]): void {
  for (const [index, label] of labels.entries()) {
    const field = `labels.${index}`;
    if (!legalName.test(label)) throw wrong(owner, field, nameRule, JSON.stringify(label));
    if (reserved.includes(label))
      throw wrong(owner, field, 'a label that the family does not write itself', `"${label}"`);
    if (labels.indexOf(label) !== index) throw wrong(owner, field, 'each label once', `"${label}" twice`);
  }
}

/**
 * Copies bounds that are finite and strictly ascending.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkBuckets(owner: string, buckets: readonly number[]): readonly number[] {
  for (const [index, bound] of buckets.entries()) {
    const before = buckets[index - 1];
    if (!Number.isFinite(bound))
      throw wrong(owner, `buckets.${index}`, 'a finite number (+Inf is added)', String(bound));
    if (before !== undefined && !(bound > before)) {
      throw wrong(owner, `buckets.${index}`, `more than ${before}, the bound before it`, String(bound));
    }
  }
  return [...buckets];
}

/**
 * Copies quantiles that lie from 0 to 1 and ascend strictly.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkQuantiles(owner: string, quantiles: readonly number[]): readonly number[] {
  for (const [index, quantile] of quantiles.entries()) {
    const before = quantiles[index - 1];
    if (!(quantile >= 0 && quantile <= 1))
      throw wrong(owner, `quantiles.${index}`, 'a number from 0 to 1', String(quantile));
    if (before !== undefined && !(quantile > before)) {
      throw wrong(owner, `quantiles.${index}`, `more than ${before}, the quantile before it`, String(quantile));
    }
  }
  return [...quantiles];
}

/**
 * Copies states of which each has a name of its own.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkStates<State extends string>(owner: string, states: readonly State[]): readonly State[] {
  const written = states.map(escapeText);
  for (const [index, state] of states.entries()) {
    // A label whose value is empty counts as absent, and a state set may not lack its own label.
    if (state === '') throw wrong(owner, `states.${index}`, 'a state with a name', '""');
    if (written.indexOf(escapeText(state)) !== index)
      throw wrong(owner, `states.${index}`, 'each state once', `"${state}" twice`);
  }
  return [...states];
}
