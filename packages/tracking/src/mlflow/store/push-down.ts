import type { CallOptions } from '@fairlead/core';
import { checkFilter } from '../../search/check-filter';
import { formatFilter } from '../../search/format-filter';
import type { FilterComparison } from '../../search/operators';
import type { FilterNode } from '../../search/query';
import { numberOf } from '../../search/value-order';
import { lengths } from '../limits';
import { mlflowTags, ownKinds, ownTags, toServerTag } from './own-tags';
import type { RunIds } from './run-ids';

/*
 * What of a filter the server can do. It must never leave out a run that our own rules find; what it finds too much is
 * filtered afterwards. Where that takes an OR, which MLflow has not, the server is asked several times.
 */

/** What the server is asked. */
export interface PushDown {
  /** Texts of filters. A run is wanted that one of them finds, and only such a run can be. */
  readonly filters: readonly string[];
  /** Only runs of experiments with this name can match. */
  readonly experiment?: string;
  /** Only the run of this id can match. */
  readonly id?: string;
}

function compareTag(key: string, value: string): FilterNode {
  return { kind: 'compare', field: { scope: 'tag', key }, operator: '=', value };
}

/** Whether a server compares this text as we do: we compare numbers and booleans by what they mean. */
function isPlain(value: unknown): value is string {
  if (typeof value !== 'string' || numberOf(value) !== undefined) return false;
  return !/^(?:true|false)$/i.test(value) && !/[\p{Cc}\\"'`]/u.test(value) && value.length <= 1000;
}

function isOrdinary(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) < 1e300;
}

/** A status as those that MLflow may have for it: a run that died counts as KILLED here, and is RUNNING there. */
function statusTerms(value: unknown): FilterNode[] {
  const field = { scope: 'attribute', key: 'status' } as const;
  const not = (status: string): FilterNode => ({ kind: 'compare', field, operator: '!=', value: status });
  if (value === 'FINISHED' || value === 'FAILED') return [{ kind: 'compare', field, operator: '=', value }];
  if (value === 'INTERRUPTED') return [{ kind: 'compare', field, operator: '=', value: 'KILLED' }];
  if (value === 'RUNNING') return [not('FINISHED'), not('FAILED'), not('KILLED')];
  return value === 'KILLED' ? [not('FINISHED'), not('FAILED')] : [];
}

/** What the server can do of an attribute's comparison. */
function attributeTerms(term: FilterComparison): FilterNode[] {
  const { field, operator, value } = term;
  if (field.key === 'status') return operator === '=' ? statusTerms(value) : [];
  if (field.key === 'start_time') return isOrdinary(value) && operator !== '!=' ? [term] : [];
  const isName = field.key === 'name' && operator === '=' && isPlain(value) && value.length < lengths.key;
  return isName ? [term] : [];
}

function datasetTerms(term: FilterComparison): FilterNode[] {
  const { field, operator, value } = term;
  if (operator !== '=' || !isPlain(value)) return [];
  if (field.key === 'digest') return [{ ...term, value: value.slice(0, lengths.datasetDigest) }];
  return [term];
}

function textTerms(term: FilterComparison): FilterNode[] {
  const { field, operator, value } = term;
  const key = field.scope === 'tag' ? toServerTag(field.key) : field.key;
  if (key.startsWith(ownKinds.tag) || key.includes('`') || key.length > lengths.key) return [];
  if (operator === '=' && isPlain(value)) return [term];
  return operator === 'IS NOT NULL' ? [term] : [];
}

/** What the server can do of one term. An empty list: nothing, so it is asked for more than is wanted. */
function wider(term: FilterNode): FilterNode[] {
  if (term.kind !== 'compare') return [];
  switch (term.field.scope) {
    case 'attribute':
      return attributeTerms(term);
    case 'dataset':
      return datasetTerms(term);
    case 'param':
    case 'tag':
      return textTerms(term);
    case 'metric':
      return [];
  }
}

/** A metric that is NaN counts as 0 on the server, so what it differs from is not asked for. */
function isMetricTerm(term: FilterNode): boolean {
  if (term.kind !== 'compare' || term.field.scope !== 'metric') return false;
  return isOrdinary(term.value) && term.operator !== '!=' && !term.field.key.includes('`');
}

/** The values that a field must have for the filter to match. */
function onlyValue(terms: readonly FilterNode[], key: string): string | undefined {
  for (const term of terms) {
    const isIt = term.kind === 'compare' && term.field.scope === 'attribute' && term.field.key === key;
    if (isIt && term.operator === '=' && typeof term.value === 'string') return term.value;
  }
  return undefined;
}

/** The runs whose parent is this one, as the server knows it: by our id, or by its own. */
async function parentChoices(parent: string | undefined, ids: RunIds, call: CallOptions): Promise<FilterNode[][]> {
  if (parent === undefined) return [[]];
  if (!isPlainId(parent)) return [[]];
  const serverId = (await ids.serverIdOf(parent, call)) ?? parent;
  return [[compareTag(ownTags.parent, parent)], [compareTag(mlflowTags.parent, serverId)]];
}

function isPlainId(id: string): boolean {
  return /^[0-9A-Za-z_-]{1,64}$/.test(id);
}

/** What the server can be asked so that it answers no more runs than it must. */
export async function pushDown(filter: FilterNode | undefined, ids: RunIds, call: CallOptions): Promise<PushDown> {
  const checked = filter === undefined ? undefined : checkFilter(filter);
  const terms = checked === undefined ? [] : checked.kind === 'and' ? checked.terms : [checked];
  const id = onlyValue(terms, 'id');
  const experiment = onlyValue(terms, 'experiment');
  const always = terms.flatMap(wider);
  const metrics = terms.filter(isMetricTerm);
  // Of several points at one step and time the server takes the greatest, we the last; runs with such say so.
  const metricChoices = metrics.length === 0 ? [[]] : [metrics, [compareTag(ownTags.ties, 'true')]];
  const choices = (await parentChoices(onlyValue(terms, 'parent'), ids, call)).flatMap((parent) =>
    metricChoices.map((metric) => [...always, ...parent, ...metric]),
  );
  return {
    filters: choices.map((choice) => choice.map((term) => formatFilter(term)).join(' AND ')),
    ...(id === undefined ? {} : { id }),
    ...(experiment === undefined ? {} : { experiment }),
  };
}
