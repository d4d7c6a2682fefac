import { describe, expect, it } from 'vitest';
import { pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { epsilonGreedy } from './bandits/epsilon-greedy';
import { linUcb } from './bandits/lin-ucb';
import { thompson } from './bandits/thompson';
import { rewardGuardrail } from './evidence/guardrails';
import { estimateOffPolicy } from './off-policy/estimate-off-policy';
import { alwaysArm } from './off-policy/estimator';
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

  it('that the strategy refuses count nowhere, and missing ones must be some that it takes', async () => {
    const setup = await setUpRollout({ strategy: thompson(), guardrails: [] });
    const asked = setup.rollout.run(pair(), { key: 'user' });
    await setup.clock.advance(20);
    const { decisionId } = (await asked).rollout;
    expect(() => setup.rollout.reward(decisionId, 2)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'reward' }) }),
    );
    expect(setup.rollout.rewardStats()).toMatchObject({ waiting: 1, rewards: { counted: 0 } });
    expect(setup.rollout.reward(decisionId, 1)).toBe('counted');
    await setup.rollout.close();
    const refused = setUpRollout({ strategy: thompson(), rewards: { missingReward: -1 } });
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'rewards.missingReward', given: '-1' },
    });
  });

  it('that never come are what they are said to be', async () => {
    const rewards = { attributionWindowMs: 1000, lateArrivalMs: 0, missingReward: 0 };
    const setup = await setUpRollout({ strategy: epsilonGreedy({ epsilon: 0.2 }), guardrails: [], rewards });
    // Only the challenger's answers are ever clicked.
    for (let turn = 0; turn < 200; turn++) {
      const asked = setup.rollout.run(pair(), { key: `user-${turn}` });
      await setup.clock.advance(20);
      const { rollout: trace } = await asked;
      if (trace.arm === 'canary') setup.rollout.reward(trace.decisionId, 1);
    }
    await setup.clock.advance(2000);
    const { missing, rewards: counted } = setup.rollout.rewardStats() ?? expect.fail('no statistics');
    expect(missing).toBeGreaterThan(0);
    expect(counted.counted).toBeGreaterThan(0);
    expect(setup.rollout.describe().weights.canary).toBeCloseTo(0.9, 12);
    await setup.rollout.close();
  });

  it('of testers and of the holdout teach nothing', async () => {
    const assignment = { overrides: { tester: 'canary' }, holdout: 0.5 };
    const setup = await setUpRollout({ strategy: thompson(), guardrails: [], assignment });
    const run = async (key: string) => {
      const asked = setup.rollout.run(pair(), { key });
      await setup.clock.advance(20);
      return (await asked).rollout;
    };
    const tester = await run('tester');
    expect(tester).toMatchObject({ arm: 'canary', propensity: 1 });
    expect(setup.rollout.reward(tester.decisionId, 1)).toBe('counted');
    for (let user = 0; user < 40; user++) await run(`user-${user}`);
    const read = [...setup.rollout.decisions()];
    expect(read.length).toBeGreaterThan(5);
    expect(read.length).toBeLessThan(35);
    for (const { propensity } of read) expect(propensity).toBeLessThan(1);
    await setup.rollout.close();
  });

  it('by context teach a contextual bandit, whose decisions tell what another policy would have earned', async () => {
    const setup = await setUpRollout({ strategy: linUcb({ dimensions: 2, explorationFloor: 0.1 }), guardrails: [] });
    const { rollout, clock } = setup;
    const chosen: string[] = [];
    for (let turn = 0; turn < 400; turn++) {
      const context = turn % 2 === 0 ? [1, 0] : [0, 1];
      const asked = rollout.run(pair(), { context });
      await clock.advance(20);
      const { rollout: trace } = await asked;
      chosen.push(trace.arm);
      rollout.reward(trace.decisionId, (trace.arm === 'canary') === (turn % 2 === 0) ? 1 : 0);
    }
    expect(chosen.slice(200).filter((arm, i) => (arm === 'canary') === (i % 2 === 0)).length).toBeGreaterThan(160);
    const always = await estimateOffPolicy(rollout.decisions(), { policy: alwaysArm('canary') });
    expect(always.ips.lower).toBeLessThan(0.5);
    expect(always.ips.upper).toBeGreaterThan(0.5);
    const without = rollout.run(pair());
    await expect(without).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'context' } });
    await rollout.close();
  });

  it('teach nothing while a harmed bandit waits for approval, and go on after it', async () => {
    const clock = createVirtualClock();
    const setup = await setUpRollout(
      {
        strategy: thompson({ explorationFloor: 0.1 }),
        challengers: { bad: scriptedRunner(clock, undefined, '3'), canary: scriptedRunner(clock, undefined, '2') },
        guardrails: [rewardGuardrail({ bounds: [0, 1], margin: 0.05 })],
      },
      {},
      clock,
    );
    const { rollout } = setup;
    for (let rounds = 0; rounds < 20 && rollout.describe().status === 'running'; rounds++) {
      await play(setup, 50, (arm) => (arm === 'bad' ? 0 : 1));
    }
    const { status, history, weights } = rollout.describe();
    expect(status).toBe('waiting-for-approval');
    expect(history.some(({ actor, reason }) => actor === 'guardrail' && reason.startsWith('bad harms'))).toBe(true);
    expect(Object.keys(weights).sort()).toEqual(['canary', 'champion']);
    await play(setup, 50, () => 1);
    expect(rollout.describe().weights).toEqual(weights);
    await rollout.approve();
    expect(rollout.describe().status).toBe('running');
    await play(setup, 50, (arm) => (arm === 'canary' ? 1 : 0));
    expect(rollout.describe().weights).not.toEqual(weights);
    await rollout.close();
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
