import { expect, it } from 'vitest';
import { errorsGuardrail } from './evidence/guardrails';
import type { RequestObserver } from './observer';
import type { RolloutOptions } from './options';
import { setUpRollout } from './rollout.fixture';
import { abTest } from './strategies/ab-test';

const fail = (): never => {
  throw new Error('No such tariff.');
};
const hearing = (observer: RequestObserver): Partial<RolloutOptions> => ({ observers: [observer] });

it.each<[string, string, Partial<RolloutOptions>]>([
  ['costOf', 'costOf', { costOf: fail }],
  ['driftOf', 'driftOf', { driftOf: fail }],
  ['a guardrail', 'The guardrail "errors"', { guardrails: [{ ...errorsGuardrail(), measure: fail }] }],
  ['an observer of requests', 'observers.0.onRequest', hearing({ onRequest: fail })],
  ['an observer of answers', 'observers.0.onAnswer', hearing({ onAnswer: fail })],
  [
    'an observer that is async',
    'observers.0.onAnswer',
    hearing({ onAnswer: (async () => fail()) as NonNullable<RequestObserver['onAnswer']> }),
  ],
])('what %s throws costs nobody an answer, and is said once', async (_, what, options) => {
  const { rollout, send, log, clock } = await setUpRollout({ strategy: abTest(), ...options });
  const ends = await send(60);
  expect(ends.toSorted().filter((end) => end !== 'champion' && end !== 'canary')).toEqual([]);
  expect(rollout.describe().degraded).toEqual([expect.stringContaining(`${what} has thrown`)]);
  expect(log.filter((line) => line.includes('No such tariff.'))).toHaveLength(1);
  // Nothing is waited for that will never end.
  const closing = rollout.close();
  await clock.advance(10);
  await closing;
});

it('what is no number counts as nothing said', async () => {
  const { rollout, send } = await setUpRollout({
    strategy: abTest(),
    guardrails: [{ ...errorsGuardrail(), measure: () => Number.NaN }],
    costOf: () => 'free' as never,
  });
  await send(60);
  expect(rollout.describe().arms[1]?.evidence?.guardrails[0]?.blocks).toBe(0);
  expect(rollout.describe().degraded).toEqual([]);
  await rollout.close();
});
