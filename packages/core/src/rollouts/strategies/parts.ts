import { type ArmEvidence, championArm, type Decision, type EvidenceSummary, type StrategyState } from '../contracts';

/* What the strategies have in common. */

/** When a challenger is good enough. */
export type PromoteRule = 'non-inferior' | 'no-harm' | 'never';

/** Hours of the week in which a rollout may move on. Going back is possible at any time. */
export interface Schedule {
  /** Days of the week, 0 for Sunday, by UTC. @default every day */
  readonly daysUtc?: readonly number[];
  /** From this hour, 0 to 23, by UTC. @default 0 */
  readonly fromHourUtc?: number;
  /** To the beginning of this hour, 1 to 24, by UTC. @default 24 */
  readonly toHourUtc?: number;
}

/** Whether a schedule lets things move on at a moment. */
export function isWithin(schedule: Schedule | undefined, epochMs: number): boolean {
  if (schedule === undefined) return true;
  const { daysUtc, fromHourUtc = 0, toHourUtc = 24 } = schedule;
  const date = new Date(epochMs);
  const hour = date.getUTCHours();
  return (daysUtc === undefined || daysUtc.includes(date.getUTCDay())) && hour >= fromHourUtc && hour < toHourUtc;
}

/** The challengers that a state still has. */
export function armsOf(state: StrategyState): readonly string[] {
  return Array.isArray(state.arms) ? (state.arms as readonly string[]) : [];
}

/** The weights where each challenger has the same one. */
export function evenWeights(arms: readonly string[], weight: number): Readonly<Record<string, number>> {
  const shares = Object.fromEntries(arms.map((arm) => [arm, weight]));
  return { [championArm]: Math.max(0, 1 - weight * arms.length), ...shares };
}

/** Takes out the first challenger that harms; `undefined` where none does. */
export function dropHarmful(state: StrategyState, evidence: EvidenceSummary): Decision | undefined {
  for (const arm of armsOf(state)) {
    const found = evidence.arms[arm];
    if (found?.verdict !== 'harm') continue;
    const rest = armsOf(state).filter((other) => other !== arm);
    return { action: 'rollback', state: { ...state, arms: rest }, reason: harmOf(found), arm };
  }
  return undefined;
}

/** What a guardrail found, for the history. */
function harmOf({ arm, guardrails }: ArmEvidence): string {
  const worst = guardrails.find(({ verdict }) => verdict === 'harm');
  if (worst === undefined) return `${arm} harms.`;
  const { guardrail, margin, blocks, harm, estimate, alpha } = worst;
  return (
    `${arm} harms ${guardrail}: worse than its control by ${number(Math.abs(estimate.difference))} where ${number(margin)} is let pass, ` +
    `e-value ${number(harm.eValue)} of ${number(1 / alpha)} after ${blocks} pairs of blocks.`
  );
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** The first challenger that may be promoted by a rule. */
export function winnerOf(state: StrategyState, evidence: EvidenceSummary, rule: PromoteRule): string | undefined {
  if (rule === 'never') return undefined;
  return armsOf(state).find((arm) => {
    const verdict = evidence.arms[arm]?.verdict;
    return rule === 'no-harm' ? verdict !== 'harm' : verdict === 'non-inferior';
  });
}

/** Requests of evidence by challenger: what a step counts from. */
export function requestsByArm(arms: readonly string[], evidence: EvidenceSummary): Readonly<Record<string, number>> {
  return Object.fromEntries(arms.map((arm) => [arm, evidence.arms[arm]?.requests ?? 0]));
}

/** The fewest requests that a challenger had since a step began. */
export function fewestSince(state: StrategyState, evidence: EvidenceSummary): number {
  const before = (state.requestsAtStart ?? {}) as Readonly<Record<string, number>>;
  const arms = armsOf(state);
  return Math.min(...arms.map((arm) => (evidence.arms[arm]?.requests ?? 0) - (before[arm] ?? 0)));
}
