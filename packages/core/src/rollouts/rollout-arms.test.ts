import { describe, expect, it } from 'vitest';
import { createRandom } from '../monitoring/random';
import { failure, pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createRunner } from '../runner/create-runner';
import { createMockBackend, mockModel } from '../testing/mock-backend';
import { createVirtualClock } from '../testing/virtual-clock';
import type { RolloutTrace } from './result';
import { createRollout } from './rollout';
import { setUpRollout } from './rollout.fixture';
import { abTest } from './strategies/ab-test';
import { canary } from './strategies/canary';

describe('several challengers', () => {
  it('are compared each with the champion; one that harms leaves alone, and the others go on', async () => {
    const clock = createVirtualClock();
    const challengers = {
      good: scriptedRunner(clock, undefined, '2'),
      bad: scriptedRunner(clock, () => ({ error: failure('RUN_FAILED') }), '3'),
    };
    const { rollout, send } = await setUpRollout(
      { challengers, strategy: abTest(), breaker: { failures: 1e6 } },
      {},
      clock,
    );
    await send(400);
    const { status, weights, arms, history } = rollout.describe();
    expect(status).toBe('running');
    expect(weights.bad).toBeUndefined();
    expect(weights.good).toBeCloseTo(1 / 3, 9);
    expect(history.at(-1)).toMatchObject({ actor: 'guardrail', weights: { good: 1 / 3 } });
    expect(arms.find(({ arm }) => arm === 'good')?.evidence?.verdict).not.toBe('harm');
    expect(new Set(await send(100))).toEqual(new Set(['champion', 'good']));
    await rollout.close();
  });
});

describe('the sample ratio', () => {
  it('raises an alarm where an arm does not get what it should, here since it is left alone', async () => {
    const { rollout, send, told } = await setUpRollout(
      { strategy: abTest(), breaker: { failures: 3, halfOpenAfterMs: 1e9 }, lookEveryMs: 1e9, guardrails: [] },
      { challenger: () => ({ error: failure('RUN_FAILED') }) },
    );
    await send(300);
    expect(told('sample-ratio-mismatch')).toMatchObject([{ isMismatch: true, expected: { canary: 0.5 } }]);
    expect(rollout.describe().sampleRatio?.observed.champion).toBeGreaterThan(0.9);
    await rollout.close();
  });
});

describe('observers', () => {
  it('hear the beginning and the end of every request once', async () => {
    const began: RolloutTrace[] = [];
    const ended: string[] = [];
    const { send, rollout } = await setUpRollout(
      {
        strategy: abTest(),
        breaker: { fallback: false },
        observers: [
          {
            onRequest: (trace) => void began.push(trace),
            onAnswer: ({ decisionId }) => void ended.push(decisionId),
            onFailure: ({ decisionId }) => void ended.push(decisionId),
          },
        ],
      },
      { challenger: (call) => (call % 2 === 0 ? { error: failure('RUN_FAILED') } : {}) },
    );
    await send(30);
    expect(began).toHaveLength(30);
    expect(new Set(began.map(({ decisionId }) => decisionId)).size).toBe(30);
    expect(ended.toSorted()).toEqual(began.map(({ decisionId }) => decisionId).toSorted());
    await rollout.close();
  });
});

describe('the control slice', () => {
  it('has batches of its own on the session of the champion', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, latencyMs: () => 5 });
    const open = async (version: string) => {
      const opening = createRunner({ model: mockModel(version), backend, lanes: 'inline', warmUp: false, clock });
      await clock.settle();
      return opening;
    };
    const rollout = await createRollout({
      name: 'digits',
      champion: await open('1'),
      challengers: { canary: await open('2') },
      strategy: canary({ steps: [{ weight: 0.1, minRequests: 1e9 }] }),
      clock,
      random: createRandom(5),
    });
    const asked = Array.from({ length: 400 }, (_, user) => rollout.run(pair(), { key: `user-${user}` }));
    await clock.advance(1000);
    const answers = await Promise.all(asked);
    const sizes = new Map<unknown, Set<string>>();
    for (const { timing, rollout: trace } of answers) {
      const batch = timing.batches?.[0];
      sizes.set(batch, (sizes.get(batch) ?? new Set()).add(trace.arm));
    }
    // No batch has requests of two arms.
    expect([...sizes.values()].every((arms) => arms.size === 1)).toBe(true);
    await rollout.look();
    const { evidence } = rollout.describe().arms[1] ?? {};
    expect(evidence?.requests).toBe(answers.filter(({ rollout: trace }) => trace.arm === 'canary').length);
    expect(evidence?.controlRequests).toBeGreaterThan(20);
    expect(evidence?.controlRequests).toBeLessThan(70);
    const closing = rollout.close();
    await clock.advance(100);
    await closing;
  });
});
