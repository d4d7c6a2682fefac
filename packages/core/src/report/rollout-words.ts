import type { RolloutDecision, RolloutStatus } from '../rollouts/contracts';
import { figure, powerOfTen } from './format';
import { html, type Markup } from './markup';

/** How something stands: it may be good, needs a look, is bad, or is none of it. */
export type Kind = 'good' | 'warn' | 'bad' | '';

const statuses: Readonly<Record<RolloutStatus, readonly [kind: Kind, words: string]>> = {
  idle: ['', 'Not started'],
  running: ['', 'Running'],
  paused: ['warn', 'Paused'],
  'waiting-for-approval': ['warn', 'Waiting'],
  promoted: ['good', 'Promoted'],
  'rolled-back': ['bad', 'Rolled back'],
  aborted: ['warn', 'Aborted'],
};

const decisions: Readonly<Record<RolloutDecision, readonly [kind: Kind, words: string]>> = {
  start: ['', 'Started'],
  step: ['', 'Moved on'],
  drop: ['bad', 'A challenger left'],
  promote: ['good', 'Promoted'],
  rollback: ['bad', 'Rolled back'],
  abort: ['warn', 'Aborted'],
  pause: ['warn', 'Paused'],
  resume: ['', 'Resumed'],
  'wait-for-approval': ['warn', 'Asked for approval'],
  approve: ['good', 'Approved'],
};

const verdicts = {
  harm: ['bad', 'Harm'],
  'non-inferior': ['good', 'Not worse'],
  inconclusive: ['', 'Open'],
} as const;

/** A status in words, with what it means. */
export function statusWords(status: RolloutStatus): readonly [kind: Kind, words: string] {
  return Object.hasOwn(statuses, status) ? statuses[status] : ['', 'Unknown'];
}

/** A decision in words, with what it means. */
export function decisionWords(decision: RolloutDecision): readonly [kind: Kind, words: string] {
  return Object.hasOwn(decisions, decision) ? decisions[decision] : ['', 'Changed'];
}

/** A word on its colour. */
export function badge([kind, words]: readonly [kind: Kind, words: string]): Markup {
  return html`<span class="pill ${kind}">${words}</span>`;
}

/** What a test says. */
export function verdictBadge(verdict: keyof typeof verdicts): Markup {
  return badge(Object.hasOwn(verdicts, verdict) ? verdicts[verdict] : ['', 'Open']);
}

/** An e-value, which may be of any size. */
export function eValue(value: number): string {
  return value >= 100 ? powerOfTen(Math.log10(value)) : figure(value, 3);
}

/** Colours of arms: the champion has the first. */
const armColors = 6;

/** The class that gives an arm its colour, by its place among the arms. */
export function armClass(index: number): string {
  return `arm${index === 0 ? 0 : 1 + ((index - 1) % (armColors - 1))}`;
}
