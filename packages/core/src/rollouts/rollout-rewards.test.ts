import { describe, expect, it } from 'vitest';
import { pair } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { thompson } from './bandits/thompson';
import { rewardGuardrail } from './evidence/guardrails';
import { setUpRollout } from './rollout.fixture';
import { createMemoryRolloutStore } from './store/memory-rollout-store';
import { canary } from './strategies/canary';

type Setup = Awaited<ReturnType<typeof setUpRollout>>;

/** Sends a request for each of so many users, and rewards it by the arm that answered. */
async function play({ rollout, clock }: Setup, requests: number, worth: (arm: string, turn: number) => number) {
  const arms: string[] = [];
  for (let turn = 0; turn < requests; turn++) {
    const asked = rollout.run(pair(), { key: `user-${turn}` });
    await clock.advance(20);
    const { rollout: trace } = await asked;
    arms.push(trace.arm);
    expect(rollout.reward(trace.decisionId, worth(trace.arm, turn))).toBe('counted');
  }
  await clock.advance(1000);
  return arms;
}

describe('rewards', () => {
  it('teach a bandit, whose state the store keeps', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const strategy = thompson();
    const first = await setUpRollout({ store, strategy, guardrails: [] }, {}, clock);
    const arms = await play(first, 300, (arm) => (arm === 'canary' ? 1 : 0));
    expect(arms.slice(0, 20)).toContain('champion');
    expect(arms.slice(200).filter((arm) => arm === 'canary').length).toBeGreaterThan(80);
    const learnt = (await store.read('digits'))?.state;
    // Nothing of the first is closed: it is gone.
    const second = await setUpRollout({ store, strategy, guardrails: [] }, {}, clock);
    expect(second.rollout.describe().weights.canary).toBeGreaterThan(0.5);
    expect((await store.read('digits'))?.state).toEqual(learnt);
    expect(first.rollout.rewardStats()).toMatchObject({ decisions: 300, waiting: 0, rewards: { counted: 300 } });
    expect([...first.rollout.decisions()][0]).toMatchObject({ arm: expect.any(String), reward: expect.any(Number) });
    await second.rollout.close();
  });

  it('of two replicas are learnt once each, whoever writes first', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const strategy = thompson();
    const replicas = [
      await setUpRollout({ store, strategy, guardrails: [], replica: 'a' }, {}, clock),
      await setUpRollout({ store, strategy, guardrails: [], replica: 'b' }, {}, clock),
    ];
    for (let round = 0; round < 10; round++) for (const each of replicas) await play(each, 3, () => 1);
    await clock.advance(3000);
    const [one, other] = replicas.map(({ rollout }) => rollout.describe().weights);
    expect(one).toEqual(other);
    const stored = await store.read('digits');
    const sums = Object.values(stored?.state.sums as Readonly<Record<string, { readonly count: number }>>);
    expect(sums.reduce((sum, { count }) => sum + count, 0)).toBe(60);
    for (const { rollout } of replicas) await rollout.close();
  });

  it('are evidence: a challenger that earns less is rolled back', async () => {
    const setup = await setUpRollout({
      strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e9 }] }),
      guardrails: [rewardGuardrail({ bounds: [0, 1], margin: 0.05 })],
      rewards: {},
    });
    await play(setup, 300, (arm) => (arm === 'canary' ? 0.2 : 0.9));
    expect(setup.rollout.describe().status).toBe('rolled-back');
    expect(setup.rollout.describe().history.at(-1)?.reason).toContain('harms reward');
    await setup.rollout.close();
  });

  it('of an unknown decision, and without anything that remembers, are refused', async () => {
    const remembering = await setUpRollout({ rewards: {} });
    expect(() => remembering.rollout.reward('nobody', 1)).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', details: expect.objectContaining({ field: 'decisionId' }) }),
    );
    const forgetful = await setUpRollout();
    expect(() => forgetful.rollout.reward('nobody', 1)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
    await remembering.rollout.close();
    await forgetful.rollout.close();
  });
});
