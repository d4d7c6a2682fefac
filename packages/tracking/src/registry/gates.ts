import type { ApprovalsGate, EvaluationGate, Gate, GateResult, MetricGate } from '../store/gate';
import type { DatasetRef, StoredModel, StoredVersion } from '../store/registry-store';
import { approvalsOf, defaultGate } from './approvals';
import { identityOf } from './evidence';

/** What a gate looks at. */
export interface GateContext {
  readonly model: StoredModel;
  /** The version that is to be promoted. */
  readonly candidate: StoredVersion;
  /** The version that the alias points to now; `undefined` for a new alias. */
  readonly current: StoredVersion | undefined;
}

/** Asks one gate. */
export function askGate(gate: Gate, context: GateContext): GateResult {
  switch (gate.kind) {
    case 'metric':
      return askMetric(gate, context);
    case 'evaluation':
      return askEvaluation(gate, context.candidate);
    case 'approvals':
      return askApprovals(gate, context);
  }
}

/** The gates that are kept with an alias. */
export function gatesOf(model: StoredModel | undefined, alias: string): readonly Gate[] {
  const change = model?.changes.findLast((known) => known.type === 'gates' && known.alias === alias);
  return change?.type === 'gates' ? change.gates : [];
}

/** A value, and the data it was measured on: `undefined` where nobody said. */
interface Measurement {
  readonly value: number;
  readonly digest: string | undefined;
}

function isOn(dataset: DatasetRef | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || dataset?.name === wanted || dataset?.digest === wanted;
}

/** Every measurement of a metric, the latest first. */
function measurementsOf(version: StoredVersion, { metric, dataset }: MetricGate): Measurement[] {
  const found: Measurement[] = [];
  for (const evaluation of version.evaluations.toReversed()) {
    const value = Object.hasOwn(evaluation.metrics, metric) ? evaluation.metrics[metric] : undefined;
    if (value !== undefined && isOn(evaluation.dataset, dataset)) {
      found.push({ value, digest: evaluation.dataset?.digest });
    }
  }
  const registered = Object.hasOwn(version.metrics, metric) ? version.metrics[metric] : undefined;
  if (registered !== undefined && dataset === undefined) found.push({ value: registered, digest: undefined });
  return found;
}

/** Bounds in words. */
function boundsOf(gate: MetricGate): { readonly absolute: string[]; readonly relative: string[] } {
  const { min, max, minChange, maxChange, minRatio, maxRatio } = gate;
  const say = (bound: number | undefined, words: (bound: number) => string): string[] =>
    bound === undefined ? [] : [words(bound)];
  return {
    absolute: [...say(min, (bound) => `at least ${bound}`), ...say(max, (bound) => `at most ${bound}`)],
    relative: [
      ...say(minChange, (bound) => `a change of at least ${bound}`),
      ...say(maxChange, (bound) => `a change of at most ${bound}`),
      ...say(minRatio, (bound) => `at least ${bound} times the current value`),
      ...say(maxRatio, (bound) => `at most ${bound} times the current value`),
    ],
  };
}

/** Comparisons with NaN are false, so it passes no bound. `slack` is what the arithmetic before may have rounded away. */
function within(value: number, slack: number, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): boolean {
  return value >= min - slack && value <= max + slack;
}

/** What one operation on such numbers may round away. */
function roundingOf(...values: readonly number[]): number {
  const largest = Math.max(...values.map(Math.abs));
  return Number.isFinite(largest) ? Number.EPSILON * largest : 0;
}

function askMetric(gate: MetricGate, { candidate, current }: GateContext): GateResult {
  const { metric, dataset, min, max, minChange, maxChange, minRatio, maxRatio } = gate;
  const { absolute, relative } = boundsOf(gate);
  const where = dataset === undefined ? '' : ` on ${dataset}`;
  const name = { gate: `metric ${metric}${where}`, expected: [...absolute, ...relative].join(' and ') };
  const [measured] = measurementsOf(candidate, gate);
  if (measured === undefined) {
    return { ...name, passed: false, found: `version ${candidate.version} has no ${metric}${where}` };
  }
  const { value, digest } = measured;
  const holds = within(value, 0, min, max);
  if (relative.length === 0) return { ...name, passed: holds, found: `${value}` };
  if (current === undefined) {
    return { ...name, passed: holds, found: `${value}, with no version to compare with` };
  }
  const baseline = measurementsOf(current, gate).find((known) => known.digest === digest)?.value;
  if (baseline === undefined) {
    const found = `${value}, but version ${current.version} has no ${metric} on the same data`;
    return { ...name, passed: false, found };
  }
  const comparesRatio = minRatio !== undefined || maxRatio !== undefined;
  const ratio = comparesRatio ? value / baseline : 1;
  const passed =
    holds &&
    within(value - baseline, roundingOf(value, baseline), minChange, maxChange) &&
    within(ratio, roundingOf(ratio), minRatio, maxRatio);
  return { ...name, passed, found: `${value}, and version ${current.version} has ${baseline}` };
}

function askEvaluation(gate: EvaluationGate, candidate: StoredVersion): GateResult {
  const { dataset, metrics = [] } = gate;
  const where = dataset === undefined ? '' : ` on ${dataset}`;
  const needed = metrics.length === 0 ? '' : ` with numbers for ${metrics.join(', ')}`;
  const name = { gate: `evaluation${where}`, expected: `an evaluation${where}${needed}` };
  const evaluation = candidate.evaluations.findLast((known) => isOn(known.dataset, dataset));
  if (evaluation === undefined) {
    return { ...name, passed: false, found: `version ${candidate.version} has none` };
  }
  const lacking = metrics.filter(
    (metric) => !Object.hasOwn(evaluation.metrics, metric) || Number.isNaN(evaluation.metrics[metric]),
  );
  const at = new Date(evaluation.at).toISOString();
  const found = `the latest of ${at}${lacking.length === 0 ? '' : ` has no number for ${lacking.join(', ')}`}`;
  return { ...name, passed: lacking.length === 0, found };
}

function askApprovals(asked: ApprovalsGate, { model, candidate }: GateContext): GateResult {
  const { count, gate = defaultGate, actors } = asked;
  const listed = actors === undefined ? undefined : new Set(actors.map(identityOf));
  const author = candidate.author === undefined ? undefined : identityOf(candidate.author);
  const votes = (approvalsOf(model).get(candidate.version) ?? []).filter(
    (vote) => vote.gate === gate && (listed === undefined || listed.has(identityOf(vote.actor))),
  );
  const others = votes.filter((vote) => identityOf(vote.actor) !== author);
  const approving = others.filter((vote) => vote.approved).map((vote) => vote.actor);
  const refusing = others.filter((vote) => !vote.approved).map((vote) => vote.actor);
  const of = actors === undefined ? '' : ` of ${actors.join(', ')}`;
  const found = [
    approving.length === 0 ? 'no approval' : `approved by ${approving.join(', ')}`,
    ...(refusing.length === 0 ? [] : [`refused by ${refusing.join(', ')}`]),
    ...(others.length === votes.length ? [] : ['the vote of its author does not count']),
  ].join('; ');
  return {
    gate: `approvals ${gate}`,
    passed: approving.length >= count && refusing.length === 0,
    expected: `${count} approval${count === 1 ? '' : 's'}${of} and no refusal`,
    found,
  };
}
