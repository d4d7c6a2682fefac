import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { optionError } from '../../option-checks';
import type { Disagreement, DisagreementMeasure } from '../compare/output-agreement';
import type { Decision, LookTime, Strategy, StrategyState } from '../contracts';
import { championArm } from '../contracts';
import type { Shadow } from '../shadow/shadow';
import { armsOf, evenWeights } from './parts';
import { wholeField } from './schemas';

/** Options of {@link shadow}. */
export interface ShadowStrategyOptions {
  /** Mirrors requests to the challenger; it is among the `observers` of the rollout too. */
  readonly mirror: Shadow;
  /** Comparisons before anything is decided, of all replicas together. @default 200 */
  readonly minComparisons?: number;
  /**
   * How much the challenger may disagree with the champion beyond the champion's own noise, by measure, 0 to 1. More than that
   * rolls back, and it goes on only when each is shown to be kept. @default comparisons are made, and decide nothing
   */
  readonly maxExcess?: { readonly [M in DisagreementMeasure]?: number };
  /** How the challenger gets its share afterwards. @default it stays a shadow until somebody promotes or rolls back */
  readonly next?: Strategy;
}

const limit = z.optional(z.number().check(z.gte(0), z.lte(1)));
const hasMethod = (value: unknown, method: string): boolean =>
  typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[method] === 'function';

const schema = z.strictObject({
  mirror: z.custom<Shadow>(
    (value) => hasMethod(value, 'onRequest') && hasMethod(value, 'describe'),
    'a shadow of createShadow()',
  ),
  minComparisons: z._default(wholeField, 200),
  maxExcess: z._default(z.strictObject({ tolerance: limit, top: limit, rank: limit }), {}),
  next: z.optional(z.custom<Strategy>((value) => hasMethod(value, 'decide'), 'a strategy, such as canary()')),
});

/**
 * Keeps a challenger, the only one, from every caller: the champion answers all, and the mirror compares. When the comparisons are enough, and within
 * their limits where there are any, another strategy goes on.
 *
 * Comparisons are those of all replicas together since the rollout began: each mirrors its own requests, and a process that starts anew goes
 * on from what there is.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function shadow(options: ShadowStrategyOptions): Strategy {
  const { mirror, minComparisons, maxExcess, next } = parseOptions(schema, options, 'shadow');
  const isOver = (state: StrategyState): boolean => state.phase === 'next';
  const inner = (state: StrategyState): StrategyState => state.inner as StrategyState;
  const around = (state: StrategyState, changed: StrategyState): StrategyState => ({ ...state, inner: changed });

  const decideShadow = (state: StrategyState, { epochMs }: LookTime): Decision => {
    const arms = armsOf(state);
    const stay = (reason: string): Decision => ({ action: 'stay', state, reason });
    const { comparisons, disagreements } = mirror.describe();
    if (comparisons < minComparisons) return stay(`${comparisons} of ${minComparisons} comparisons.`);
    const limited = disagreements.filter(({ measure }) => maxExcess[measure] !== undefined);
    const worse = limited.find(({ measure, excess }) => excess.lower > (maxExcess[measure] ?? 1));
    if (worse !== undefined) {
      const [arm] = arms;
      const reason = `${sentenceOf(worse)}, where ${maxExcess[worse.measure]} is let pass, after ${comparisons} comparisons.`;
      return { action: 'rollback', state, reason, ...(arm === undefined ? {} : { arm }) };
    }
    const unclear = limited.find(({ measure, excess }) => excess.upper > (maxExcess[measure] ?? 1));
    if (unclear !== undefined) return stay(`${comparisons} comparisons do not decide yet: ${sentenceOf(unclear)}.`);
    const found = `${comparisons} comparisons: ${disagreements.map(sentenceOf).join('; ') || 'nothing could be compared'}.`;
    if (next === undefined) return stay(found);
    return { action: 'step', state: { ...state, phase: 'next', inner: next.start(arms, epochMs) }, reason: found };
  };

  return {
    name: next === undefined ? 'shadow' : `shadow, then ${next.name}`,
    hearsBy: [mirror, ...(next?.hearsBy ?? [])],
    start(arms, epochMs) {
      if (arms.length !== 1)
        throw optionError('shadow', 'challengers', 'exactly one challenger, whom the mirror asks', arms.length);
      // What does not fit the arms is told now, not after a thousand comparisons.
      next?.start(arms, epochMs);
      return { phase: 'shadow', arms: [...arms] };
    },
    weights: (state) =>
      next !== undefined && isOver(state) ? next.weights(inner(state)) : evenWeights(armsOf(state), 0),
    ...(next?.afterPause === undefined
      ? {}
      : {
          afterPause: (state, pausedMs) =>
            isOver(state)
              ? around(state, (next.afterPause as NonNullable<Strategy['afterPause']>)(inner(state), pausedMs))
              : state,
        }),
    ...(next?.choose === undefined
      ? {}
      : {
          choose: (state, context, random, arms) =>
            isOver(state)
              ? (next.choose as NonNullable<Strategy['choose']>)(inner(state), context, random, arms)
              : { arm: championArm, propensity: 1 },
        }),
    ...(next?.learn === undefined
      ? {}
      : {
          learn: (state, arm, reward, context) =>
            isOver(state)
              ? around(state, (next.learn as NonNullable<Strategy['learn']>)(inner(state), arm, reward, context))
              : state,
        }),
    ...(next?.estimates === undefined
      ? {}
      : {
          estimates: (state) =>
            isOver(state) ? (next.estimates as NonNullable<Strategy['estimates']>)(inner(state)) : {},
        }),
    decide(state, evidence, time) {
      if (next === undefined || !isOver(state)) return decideShadow(state, time);
      const decision = next.decide(inner(state), evidence, time);
      return { ...decision, state: around(state, decision.state) };
    },
    plan: (arms) => [
      {
        weights: evenWeights(arms, 0),
        until: `${minComparisons} comparisons of mirrored requests${next === undefined ? ', then somebody decides' : ''}`,
      },
      ...(next?.plan(arms) ?? []),
    ],
  };
}

function sentenceOf({ measure, excess }: Disagreement): string {
  const number = (value: number): string => String(Number(value.toPrecision(3)));
  return `${measure} disagrees by ${number(excess.difference)} (${number(excess.lower)} to ${number(excess.upper)}) beyond noise`;
}
