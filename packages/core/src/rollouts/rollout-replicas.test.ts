import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { closeable } from '../lifecycle';
import { failure, pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import { thompson } from './bandits/thompson';
import type { RolloutStore } from './contracts';
import { driftGuardrail, latencyGuardrail, rewardGuardrail } from './evidence/guardrails';
import type { RolloutOptions } from './options';
import { type RolloutSetup, type Scripts, setUpRollout } from './rollout.fixture';
import { createShadow } from './shadow/create-shadow';
import { createMemoryRolloutStore } from './store/memory-rollout-store';
import { abTest } from './strategies/ab-test';
import { canary } from './strategies/canary';
import { shadow } from './strategies/shadow';

/* What replicas do together on one store: each is cut off from it, or all of them are. */

interface Replica extends RolloutSetup {
  /** Cut off it does as if the store were down; one that is cut off for ever is as good as dead to the others. */
  isCutOff: boolean;
  /** So many of the next answers are lost: what was asked for is done all the same. */
  lostAnswers: number;
}

/** The store as one replica has it. */
function openTo(store: RolloutStore, reach: Pick<Replica, 'isCutOff' | 'lostAnswers'>): RolloutStore {
  const asked = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (reach.isCutOff) throw new FairleadError('STORE_FAILED', 'The store is down.');
    const answer = await ask();
    if (reach.lostAnswers === 0) return answer;
    reach.lostAnswers--;
    throw new FairleadError('STORE_FAILED', 'The answer was lost.');
  };
  const { shareRewards } = store;
  if (shareRewards === undefined) throw new Error('The store shares no rewards.');
  return {
    ...store,
    read: (...given) => asked(() => store.read(...given)),
    write: (...given) => asked(() => store.write(...given)),
    add: (...given) => asked(() => store.add(...given)),
    sum: (...given) => asked(() => store.sum(...given)),
    shareRewards: (...given) => asked(() => shareRewards(...given)),
  };
}

async function setUpReplica(
  store: RolloutStore,
  clock: VirtualClock,
  options: Partial<RolloutOptions> = {},
  scripts: Scripts = {},
): Promise<Replica> {
  const reach = { isCutOff: false, lostAnswers: 0 };
  const setup = await setUpRollout({ ...options, store: openTo(store, reach) }, scripts, clock);
  return Object.assign(reach, setup);
}

function setUpReplicas(
  names: readonly string[],
  optionsOf: (clock: VirtualClock) => Partial<RolloutOptions>,
  scripts: Scripts = {},
) {
  const store = createMemoryRolloutStore();
  const clock = createVirtualClock();
  const start = (replica: string) => setUpReplica(store, clock, { replica, ...optionsOf(clock) }, scripts);
  return { store, clock, start, replicas: Promise.all(names.map(start)) };
}

const closeAll = async (replicas: readonly Replica[], clock: VirtualClock): Promise<void> => {
  const closing = replicas.map(({ rollout }) => rollout.close());
  await clock.advance(20_000);
  await Promise.all(closing);
};

describe('the sample ratio of all replicas', () => {
  it('raises its alarm in each, by what none of them has seen enough of, and keeps what a cut-off one counts', async () => {
    const { clock, replicas: starting } = setUpReplicas(
      ['a', 'b', 'c'],
      () => ({
        strategy: abTest(),
        guardrails: [],
        breaker: { failures: 2, halfOpenAfterMs: 1e9 },
        assignment: { key: () => undefined },
      }),
      { challenger: () => ({ afterMs: 0, error: failure('RUN_FAILED') }) },
    );
    const replicas = await starting;
    const [one, other, cut] = replicas as [Replica, Replica, Replica];
    cut.isCutOff = true;
    for (const each of replicas) await each.send(14);
    expect(one.rollout.describe().sampleRatio).toMatchObject({ units: 28, isMismatch: false });
    expect(other.told('sample-ratio-mismatch')).toEqual([]);
    cut.isCutOff = false;
    await clock.advance(3000);
    for (const { told, rollout } of replicas) {
      expect(told('sample-ratio-mismatch')).toMatchObject([{ units: 42, isMismatch: true }]);
      expect(rollout.describe().sampleRatio).toMatchObject({ units: 42, expected: { champion: 0.5, canary: 0.5 } });
    }
    await closeAll(replicas, clock);
  });
});

describe('the shadows of all replicas', () => {
  it('make the comparisons together, and one that comes later goes on from them', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const start = async (replica: string) => {
      const champion = scriptedRunner(clock, () => ({ afterMs: 2 }), '1');
      const challenger = scriptedRunner(clock, () => ({ afterMs: 5 }), '2');
      const mirror = createShadow({ champion, shadow: challenger, clock, budget: { timeShare: 0.5 } });
      const strategy = shadow({
        mirror,
        minComparisons: 30,
        next: canary({ steps: [{ weight: 0.3, minRequests: 1e9 }] }),
      });
      const challengers = { canary: challenger };
      const options = { replica, champion, challengers, strategy, observers: [mirror] };
      return { ...(await setUpReplica(store, clock, options)), mirror };
    };
    const replicas = [await start('a'), await start('b')];
    for (const each of replicas) await each.send(12);
    await clock.advance(2000);
    for (const { rollout } of replicas) expect(rollout.describe()).toMatchObject({ reason: '24 of 30 comparisons.' });
    // The third has the comparisons of the others from the beginning.
    const third = await start('c');
    expect(third.mirror.describe()).toMatchObject({
      comparisons: 24,
      disagreements: [{ measure: 'tolerance' }, {}, {}],
    });
    expect(third.mirror.stats().comparisons).toBe(0);
    await third.send(8);
    await clock.advance(2000);
    for (const { rollout, mirror } of [...replicas, third]) {
      expect(mirror.stats().comparisons).toBeLessThan(30);
      expect(rollout.describe().weights.canary).toBe(0.3);
      expect(rollout.describe().history.at(-1)?.reason).toMatch(/^32 comparisons: tolerance disagrees by 1 /);
    }
    await closeAll([...replicas, third], clock);
    for (const { mirror } of [...replicas, third]) await mirror.close();
  });
});

describe('the guardrails of all replicas', () => {
  it('take an alarm of drift that lasts for one piece of evidence in a window, however many replicas see it', async () => {
    const { clock, replicas: starting } = setUpReplicas(['a', 'b', 'c'], () => ({
      strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e9 }] }),
      guardrails: [driftGuardrail({ windowMs: 10_000 })],
      driftOf: (arm) => (arm === 'canary' ? 0.05 : 0),
    }));
    const replicas = await starting;
    for (let round = 0; round < 20; round++) for (const each of replicas) await each.send(30);
    await clock.advance(2000);
    for (const { rollout } of replicas) {
      const [found] = rollout.describe().arms[1]?.evidence?.guardrails ?? [];
      expect(found?.blocks).toBeGreaterThanOrEqual(3);
      expect(found?.blocks).toBeLessThanOrEqual(Math.ceil(clock.now() / 15_000) + 1);
      expect(found?.estimate.difference).toBeCloseTo(0.05, 12);
    }
    await closeAll(replicas, clock);
  });

  it('measure latencies from the first request on, where others have seen enough to say what is slow', async () => {
    const { clock, start } = setUpReplicas([], () => ({
      strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e9 }] }),
      guardrails: [latencyGuardrail()],
    }));
    const first = await start('a');
    const blocksOf = ({ rollout }: Replica): number => rollout.describe().arms[1]?.evidence?.guardrails[0]?.blocks ?? 0;
    await first.send(60);
    await clock.advance(1000);
    expect(blocksOf(first)).toBe(0);
    await first.send(400);
    await clock.advance(1000);
    const before = blocksOf(first);
    expect(before).toBeGreaterThan(10);
    const second = await start('b');
    await second.send(60);
    await clock.advance(2000);
    expect(blocksOf(second)).toBeGreaterThan(before + 3);
    expect(blocksOf(first)).toBe(blocksOf(second));
    await closeAll([first, second], clock);
  });
});

describe('what replicas gather', () => {
  it('is the same in all of them and lost by none, whoever is cut off and dies, and whatever the store does meanwhile', async () => {
    const replica = fc.integer({ min: 0, max: 2 });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ send: replica, requests: fc.integer({ min: 1, max: 20 }) }) },
      { weight: 2, arbitrary: fc.record({ cut: replica }) },
      { weight: 2, arbitrary: fc.record({ lose: replica, answers: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ away: fc.constant(true) }) },
      { weight: 2, arbitrary: fc.record({ afterMs: fc.integer({ min: 100, max: 2500 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), fc.boolean(), async (steps, oneDies) => {
        const { clock, replicas: starting } = setUpReplicas(['a', 'b', 'c'], () => ({
          strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e9 }], promoteOn: 'never' }),
          assignment: { key: () => undefined },
        }));
        const replicas = await starting;
        const sent = [0, 0, 0];
        for (const each of steps) {
          if ('send' in each) {
            sent[each.send] = (sent[each.send] ?? 0) + each.requests;
            await replicas[each.send]?.send(each.requests);
          } else if ('lose' in each) (replicas[each.lose] as Replica).lostAnswers += each.answers;
          else if ('afterMs' in each) await clock.advance(each.afterMs);
          else if ('cut' in each) {
            const cut = replicas[each.cut] as Replica;
            cut.isCutOff = !cut.isCutOff;
          } else {
            const isAway = !replicas.every(({ isCutOff }) => isCutOff);
            for (const one of replicas) one.isCutOff = isAway;
          }
        }
        // Everybody comes back but, it may be, one.
        const alive = oneDies ? replicas.slice(1) : replicas;
        for (const each of replicas) each.isCutOff = !alive.includes(each);
        await clock.advance(60_000);
        const all = sent.reduce((sum, requests) => sum + requests, 0);
        const least = oneDies ? all - (sent[0] ?? 0) : all;
        const found = alive.map(({ rollout }) => rollout.describe());
        for (const { sampleRatio, arms, status } of found) {
          expect(status).toBe('running');
          expect(sampleRatio?.units).toBeGreaterThanOrEqual(least);
          expect(sampleRatio?.units).toBeLessThanOrEqual(all);
          // With half of the traffic each, every request is evidence of the challenger or of its control; who dies may have told of a
          // request that it has not answered yet.
          const { requests = 0, controlRequests = 0 } = arms[1]?.evidence ?? {};
          expect(requests + controlRequests).toBeLessThanOrEqual(Number(sampleRatio?.units));
          expect(requests + controlRequests).toBeGreaterThanOrEqual(oneDies ? least : Number(sampleRatio?.units));
          expect(sampleRatio).toEqual(found[0]?.sampleRatio);
          expect(arms[1]?.evidence).toEqual(found[0]?.arms[1]?.evidence);
        }
        for (const each of replicas) each.isCutOff = false;
        await closeAll(replicas, clock);
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

/** Sends one request, and answers the id of its decision. */
async function decide({ rollout, clock }: RolloutSetup, key?: string): Promise<string> {
  const asked = rollout.run(pair(), key === undefined ? {} : { key });
  await clock.advance(20);
  return (await asked).rollout.decisionId;
}

/** Rewards that a bandit has learnt from. */
async function learntBy(store: RolloutStore): Promise<number> {
  const sums = (await store.read('digits'))?.state.sums as Readonly<Record<string, { readonly count: number }>>;
  return Object.values(sums).reduce((sum, { count }) => sum + count, 0);
}

describe('rewards at another replica', () => {
  const bandits = () => setUpReplicas(['a', 'b', 'c'], () => ({ strategy: thompson(), guardrails: [] }));

  it('count once, wherever and however often they are told, and their decision knows of them', async () => {
    const { store, clock, replicas: starting } = bandits();
    const replicas = await starting;
    const [a, b, c] = replicas as [Replica, Replica, Replica];
    const id = await decide(a);
    expect(b.rollout.reward(id, 1)).toBe('accepted');
    expect(b.rollout.reward(id, 1)).toBe('duplicate');
    expect(c.rollout.reward(id, 1)).toBe('accepted');
    expect(a.rollout.reward(id, 1)).toBe('counted');
    await clock.advance(3000);
    expect(await learntBy(store)).toBe(1);
    expect(a.rollout.reward(id, 1)).toBe('duplicate');
    const stats = replicas.map(({ rollout }) => rollout.rewardStats()?.shared);
    expect(stats.map((shared) => shared?.waiting)).toEqual([0, 0, 0]);
    expect(stats.reduce((sum, shared) => sum + (shared?.counted ?? 0), 0)).toBe(1);
    expect(stats.reduce((sum, shared) => sum + (shared?.duplicate ?? 0), 0)).toBe(2);
    // One that only others are told of.
    const second = await decide(a);
    expect(c.rollout.reward(second, 0.25)).toBe('accepted');
    await clock.advance(3000);
    expect(await learntBy(store)).toBe(2);
    expect([...a.rollout.decisions()].map(({ id: of, reward }) => [of, reward])).toEqual([
      [id, 1],
      [second, 0.25],
    ]);
    expect(a.rollout.rewardStats()).toMatchObject({ waiting: 0, shared: { elsewhere: 1 } });
    expect(a.rollout.reward(second, 0.25)).toBe('duplicate');
    await closeAll(replicas, clock);
  });

  it('are evidence', async () => {
    const { clock, replicas: starting } = setUpReplicas(['a', 'b'], () => ({
      strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e9 }] }),
      guardrails: [rewardGuardrail({ bounds: [0, 1], margin: 0.05 })],
      rewards: {},
    }));
    const replicas = await starting;
    const [a, b] = replicas as [Replica, Replica];
    for (let user = 0; user < 300; user++) {
      const asked = a.rollout.run(pair(), { key: `user-${user}` });
      await clock.advance(20);
      const { decisionId, arm } = (await asked).rollout;
      if (a.rollout.describe().status !== 'running') break;
      expect(b.rollout.reward(decisionId, arm === 'canary' ? 0.2 : 0.9)).toBe('accepted');
    }
    await clock.advance(2000);
    for (const { rollout } of replicas) {
      expect(rollout.describe().status).toBe('rolled-back');
      expect(rollout.describe().history.at(-1)?.reason).toContain('harms reward');
    }
    await closeAll(replicas, clock);
  });

  it('count though the replica that decided is dead, and though the store is away for a while', async () => {
    const { store, clock, replicas: starting } = bandits();
    const [a, b, c] = (await starting) as [Replica, Replica, Replica];
    const ids = [await decide(a), await decide(a)] as [string, string];
    a.isCutOff = true;
    b.isCutOff = true;
    expect(b.rollout.reward(ids[0], 1)).toBe('accepted');
    expect(c.rollout.reward(ids[1], 1)).toBe('accepted');
    await clock.advance(5000);
    expect(await learntBy(store)).toBe(1);
    expect(b.rollout.rewardStats()?.shared).toMatchObject({ waiting: 1, counted: 0 });
    b.isCutOff = false;
    await clock.advance(3000);
    expect(await learntBy(store)).toBe(2);
    // A process that comes later knows the decisions of those before, and what they earned.
    const late = await setUpReplica(store, clock, { replica: 'd', strategy: thompson(), guardrails: [] });
    expect(late.rollout.reward(ids[0], 1)).toBe('accepted');
    await clock.advance(3000);
    expect(await learntBy(store)).toBe(2);
    expect(late.rollout.rewardStats()?.shared).toMatchObject({ counted: 0, duplicate: 1 });
    a.isCutOff = false;
    await closeAll([a, b, c, late], clock);
  });

  it('are late and gone as at home, and must not be before their decision', async () => {
    const rewards = { attributionWindowMs: 10_000, lateArrivalMs: 5000 };
    const {
      store,
      clock,
      replicas: starting,
    } = setUpReplicas(['a', 'b'], () => ({
      strategy: thompson(),
      guardrails: [],
      rewards,
    }));
    const [a, b] = (await starting) as [Replica, Replica];
    const decidedAt = clock.epochMs();
    const [first, second] = [await decide(a), await decide(a)] as [string, string];
    expect(() => b.rollout.reward(first, 1, { at: decidedAt - 2000 })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'at' }) }),
    );
    // The strategy takes 0 to 1.
    expect(() => b.rollout.reward(first, 7)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await clock.advance(11_000);
    expect(b.rollout.reward(first, 1)).toBe('late');
    expect(b.rollout.reward(second, 1, { at: decidedAt + 9000 })).toBe('accepted');
    await clock.advance(6000);
    expect(b.rollout.reward(first, 1, { at: decidedAt + 9000 })).toBe('gone');
    expect(b.rollout.rewardStats()?.shared?.foreign).toEqual({ accepted: 1, duplicate: 0, late: 1, gone: 1 });
    expect(await learntBy(store)).toBe(1);
    await closeAll([a, b], clock);
  });

  it('cannot be told of what no replica has decided', async () => {
    const { clock, replicas: starting } = bandits();
    const replicas = await starting;
    const [a, b] = replicas as [Replica, Replica, Replica];
    const elsewhere = setUpReplicas(['a'], () => ({ strategy: thompson(), guardrails: [] }));
    const [stranger] = (await elsewhere.replicas) as [Replica];
    const id = await decide(a);
    const asked = stranger.rollout.run(pair());
    await stranger.clock.advance(20);
    const foreign = (await asked).rollout.decisionId;
    const forged = [
      foreign,
      `${id}0`,
      id.slice(0, -1),
      id.replace(',canary,', ',champion,').replace(',champion,', ',canary,'),
      id.slice(0, id.indexOf(',')),
      'nobody',
      '',
    ].filter((each) => each !== id);
    for (const { rollout } of [a, b]) {
      for (const wrong of forged) {
        expect(() => rollout.reward(wrong, 1)).toThrow(
          expect.objectContaining({ code: 'NOT_FOUND', details: expect.objectContaining({ field: 'decisionId' }) }),
        );
      }
    }
    expect(b.rollout.rewardStats()?.shared?.foreign.accepted).toBe(0);
    await closeAll(replicas, clock);
    await closeAll([stranger], stranger.clock);
  });

  it('wait for a run that is not known yet, and go to a replica with its models', async () => {
    const { store, clock, replicas: starting } = bandits();
    const [a, b] = (await starting) as [Replica, Replica, Replica];
    b.isCutOff = true;
    await a.rollout.abort();
    await a.rollout.start();
    const id = await decide(a);
    // The other one knows nothing of the run yet.
    expect(b.rollout.reward(id, 1)).toBe('accepted');
    b.isCutOff = false;
    await clock.advance(3000);
    expect(await learntBy(store)).toBe(1);
    expect(b.rollout.rewardStats()?.shared).toMatchObject({ counted: 1, waiting: 0 });
    // Somebody begins anew with another model; those of the old one serve their champion.
    const challengers = { canary: scriptedRunner(clock, undefined, '3') };
    const next = await setUpReplica(store, clock, { challengers, strategy: thompson(), guardrails: [] });
    await clock.advance(2000);
    expect(a.rollout.describe().status).toBe('idle');
    const later = await decide(next);
    expect(() => a.rollout.reward(later, 1)).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    expect(next.rollout.reward(later, 1)).toBe('counted');
    await clock.advance(2000);
    expect(await learntBy(store)).toBe(1);
    await closeAll([a, b, next], clock);
  });

  it('are learnt once, though the store writes a state and its answer is lost', async () => {
    const clock = createVirtualClock();
    const inner = createMemoryRolloutStore();
    let lost = 0;
    const store: RolloutStore = {
      ...inner,
      async write(...given) {
        const epoch = await inner.write(...given);
        if (lost === 0) return epoch;
        lost--;
        throw new FairleadError('STORE_FAILED', 'The answer was lost.');
      },
    };
    const { rollout, ...setup } = await setUpRollout({ store, strategy: thompson(), guardrails: [] }, {}, clock);
    const other = await setUpRollout({ store: inner, strategy: thompson(), guardrails: [] }, {}, clock);
    for (let round = 1; round <= 5; round++) {
      const ids = [await decide({ rollout, ...setup }), await decide({ rollout, ...setup })] as [string, string];
      lost = 1;
      rollout.reward(ids[0], 1);
      await clock.advance(1001);
      // While it is not known what became of the first, a second one comes.
      rollout.reward(ids[1], 1);
      await clock.advance(3000);
      expect(lost).toBe(0);
      expect(await learntBy(inner)).toBe(2 * round);
    }
    const closing = Promise.all([rollout.close(), other.rollout.close()]);
    await clock.advance(5000);
    await closing;
  });

  it.each([0, 1])(
    'are not lost with the store, though who gives it back had not heard of them, and has %i more',
    async (more) => {
      const clock = createVirtualClock();
      let inner = createMemoryRolloutStore();
      const shareRewards = (): NonNullable<RolloutStore['shareRewards']> => {
        if (inner.shareRewards === undefined) throw new Error('The store shares no rewards.');
        return inner.shareRewards;
      };
      // It is not watched, so each look reads.
      const store: RolloutStore = {
        ...closeable(() => inner.close()),
        name: 'forgetful',
        read: (...given) => inner.read(...given),
        write: (...given) => inner.write(...given),
        add: (...given) => inner.add(...given),
        sum: (...given) => inner.sum(...given),
        shareRewards: (...given) => shareRewards()(...given),
      };
      const start = (replica: string) => setUpReplica(store, clock, { replica, strategy: thompson(), guardrails: [] });
      const [a, b] = [await start('a'), await start('b')];
      const id = await decide(a);
      const others = more === 0 ? [] : [await decide(b)];
      await clock.advance(3000);
      // One learns of a reward, and the other one hears nothing of it before the store loses everything.
      b.isCutOff = true;
      expect(a.rollout.reward(id, 1)).toBe('counted');
      for (const other of others) expect(b.rollout.reward(other, 1)).toBe('counted');
      await clock.advance(3000);
      expect(await learntBy(store)).toBe(1);
      a.isCutOff = true;
      inner = createMemoryRolloutStore();
      b.isCutOff = false;
      await clock.advance(3000);
      expect(await learntBy(store)).toBe(more);
      // With one more, the epochs of both are the same number.
      expect(b.rollout.describe().epoch).toBe(more + 1);
      expect(a.rollout.describe().epoch).toBe(2);
      a.isCutOff = false;
      await clock.advance(5000);
      expect(await learntBy(store)).toBe(1 + more);
      expect(b.rollout.describe().weights).toEqual(a.rollout.describe().weights);
      await closeAll([a, b], clock);
    },
  );

  it('of a run that is over teach nothing to the next', async () => {
    const { store, clock, replicas: starting } = bandits();
    const replicas = await starting;
    const [a, b] = replicas as [Replica, Replica, Replica];
    const id = await decide(a);
    await a.rollout.abort();
    await a.rollout.start();
    await clock.advance(2000);
    expect(b.rollout.reward(id, 1)).toBe('accepted');
    expect(a.rollout.reward(await decide(a), 1)).toBe('counted');
    await clock.advance(3000);
    expect(await learntBy(store)).toBe(1);
    await closeAll(replicas, clock);
  });

  it('count once each, whatever is told where, while replicas are cut off and come back', async () => {
    const replica = fc.integer({ min: 0, max: 2 });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ decide: replica }) },
      { weight: 8, arbitrary: fc.record({ tell: replica, of: fc.nat({ max: 15 }) }) },
      { weight: 2, arbitrary: fc.record({ cut: replica }) },
      { weight: 2, arbitrary: fc.record({ lose: replica, answers: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 3, arbitrary: fc.record({ afterMs: fc.integer({ min: 100, max: 2500 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
        const { store, clock, replicas: starting } = bandits();
        const replicas = await starting;
        const ids: string[] = [];
        const told = new Set<string>();
        for (const each of steps) {
          if ('decide' in each) ids.push(await decide(replicas[each.decide] as Replica));
          else if ('lose' in each) (replicas[each.lose] as Replica).lostAnswers += each.answers;
          else if ('afterMs' in each) await clock.advance(each.afterMs);
          else if ('cut' in each) {
            const cut = replicas[each.cut] as Replica;
            cut.isCutOff = !cut.isCutOff;
          } else if (each.of < ids.length) {
            const id = ids[each.of] as string;
            const outcome = replicas[each.tell]?.rollout.reward(id, 1);
            expect(outcome).toMatch(/^(counted|accepted|duplicate)$/);
            told.add(id);
          }
        }
        for (const each of replicas) each.isCutOff = false;
        await clock.advance(60_000);
        expect(await learntBy(store)).toBe(told.size);
        const all = replicas.map(({ rollout }) => rollout.describe().weights);
        expect(all[1]).toEqual(all[0]);
        expect(all[2]).toEqual(all[0]);
        const rewarded = replicas.flatMap(({ rollout }) =>
          [...rollout.decisions()].filter(({ reward }) => reward !== undefined).map(({ id }) => id),
        );
        expect(rewarded.sort()).toEqual([...told].sort());
        await closeAll(replicas, clock);
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});
