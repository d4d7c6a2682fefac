import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { closeable } from '../lifecycle';
import { failure, pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import type { RolloutStore } from './contracts';
import { setUpRollout } from './rollout.fixture';
import { createMemoryRolloutStore } from './store/memory-rollout-store';
import { abTest } from './strategies/ab-test';
import { canary } from './strategies/canary';

const half = canary({
  steps: [
    { weight: 0.5, minRequests: 20 },
    { weight: 0.6, minRequests: 1e9 },
  ],
});

/** A store that can be had or not. */
function fragileStore(): { readonly store: RolloutStore; isDown: boolean; clear(): void } {
  let inner = createMemoryRolloutStore();
  const reach = (): RolloutStore => {
    if (fragile.isDown) throw new FairleadError('STORE_FAILED', 'The store is down.');
    return inner;
  };
  const fragile = {
    isDown: false,
    clear() {
      inner = createMemoryRolloutStore();
    },
    store: {
      ...closeable(() => inner.close()),
      name: 'fragile',
      read: async (rollout) => reach().read(rollout),
      write: async (rollout, expectedEpoch, next) => reach().write(rollout, expectedEpoch, next),
      add: async (rollout, evidenceEpoch, replica, sequence, tally) =>
        reach().add(rollout, evidenceEpoch, replica, sequence, tally),
      sum: async (rollout, evidenceEpoch) => reach().sum(rollout, evidenceEpoch),
    } satisfies RolloutStore as RolloutStore,
  };
  return fragile;
}

const users = Array.from({ length: 60 }, (_, index) => `user-${index}`);

async function armsOf({ rollout, clock }: Awaited<ReturnType<typeof setUpRollout>>): Promise<readonly string[]> {
  const asked = users.map((key) => rollout.run(pair(), { key }));
  await clock.advance(50);
  return (await Promise.all(asked)).map((answer) => answer.rollout.arm);
}

describe('a process that was killed', () => {
  it('goes on at the same weight with the same assignment and the same evidence', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const first = await setUpRollout({ store, strategy: half }, {}, clock);
    await first.send(100);
    expect(first.rollout.describe().weights.canary).toBe(0.6);
    const arms = await armsOf(first);
    await clock.advance(1000);
    const { epoch, history, arms: before } = first.rollout.describe();
    // Nothing of the first is closed: it is gone.
    const second = await setUpRollout({ store, strategy: half, replica: 'replica' }, {}, clock);
    expect(second.rollout.describe()).toMatchObject({ epoch, history, status: 'running', weights: { canary: 0.6 } });
    expect(second.rollout.describe().arms[1]?.evidence?.requests).toBe(before[1]?.evidence?.requests);
    expect(await armsOf(second)).toEqual(arms);
    await clock.advance(1000);
    expect(second.rollout.describe().arms[1]?.evidence?.requests).toBeGreaterThan(
      before[1]?.evidence?.requests as number,
    );
    await second.rollout.close();
  });

  it('serves what was promoted, and what was rolled back stays so', async () => {
    for (const verb of ['promote', 'rollback'] as const) {
      const store = createMemoryRolloutStore();
      const first = await setUpRollout({ store });
      await first.rollout[verb]();
      const second = await setUpRollout({ store });
      expect(new Set(await second.send(20))).toEqual(new Set([verb === 'promote' ? 'canary' : 'champion']));
      await second.rollout.close();
    }
  });
});

describe('other models under the same name', () => {
  it('begin anew, with the history of those before', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const first = await setUpRollout({ store }, {}, clock);
    await first.rollout.promote();
    const next = scriptedRunner(clock, undefined, '3');
    const second = await setUpRollout({ store, challengers: { canary: next } }, {}, clock);
    expect(second.rollout.describe()).toMatchObject({ status: 'running', weights: { canary: 0.1 } });
    expect(second.rollout.describe().history.map(({ to }) => to)).toEqual(['running', 'promoted', 'running']);
    // A replica of the version before serves its champion, and says why.
    await clock.advance(1000);
    expect(first.rollout.describe()).toMatchObject({ status: 'idle', weights: { champion: 1 } });
    expect(first.rollout.describe().degraded.join()).toContain('other models');
    await expect(first.rollout.promote()).rejects.toMatchObject({ code: 'CONFLICT' });
    await second.rollout.close();
    await first.rollout.close();
  });

  it('and another strategy begin anew too', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    await setUpRollout({ store }, {}, clock);
    const second = await setUpRollout({ store, strategy: abTest() }, {}, clock);
    expect(second.rollout.describe()).toMatchObject({ strategy: 'ab-test', weights: { canary: 0.5 } });
    await second.rollout.close();
  });
});

describe('several replicas', () => {
  it('add their evidence and come to one decision, which only one of them makes', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const script = { challenger: (call: number) => (call % 3 === 0 ? { error: failure('RUN_FAILED') } : {}) };
    const replicas = await Promise.all(
      ['a', 'b', 'c'].map((replica) => setUpRollout({ store, replica, strategy: half }, script, clock)),
    );
    for (let round = 0; round < 12; round++) for (const each of replicas) await each.send(15);
    await clock.advance(2000);
    const all = replicas.map(({ rollout }) => rollout.describe());
    expect(all.map(({ status }) => status)).toEqual(['rolled-back', 'rolled-back', 'rolled-back']);
    expect(new Set(all.map(({ epoch }) => epoch)).size).toBe(1);
    expect(replicas.reduce((sum, { rollout }) => sum + rollout.rolloutStats().decisions.rollback, 0)).toBe(1);
    for (const { told } of replicas) expect(told('rollout-change').at(-1)?.to).toBe('rolled-back');
    for (const { rollout } of replicas) await rollout.close();
  });

  it('take over at once what somebody decides in one of them', async () => {
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const [one, other] = [await setUpRollout({ store }, {}, clock), await setUpRollout({ store }, {}, clock)];
    await one.rollout.rollback({ reason: 'No.' });
    await clock.advance(1000);
    expect(other.rollout.describe()).toMatchObject({ status: 'rolled-back', weights: { champion: 1 } });
    await one.rollout.close();
    await other.rollout.close();
  });
});

describe('a store that cannot be had', () => {
  it('at the start: the champion serves, and it begins when the store is there', async () => {
    const fragile = fragileStore();
    fragile.isDown = true;
    const { rollout, send, told } = await setUpRollout({ store: fragile.store });
    expect(new Set(await send(30))).toEqual(new Set(['champion']));
    expect(rollout.describe().degraded).toHaveLength(2);
    expect(rollout.health()).toMatchObject({ status: 'degraded', ready: true });
    expect(told('store-fail')).toHaveLength(1);
    await expect(rollout.start()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    fragile.isDown = false;
    await send(30);
    expect(rollout.describe()).toMatchObject({ status: 'running', degraded: [] });
    expect(told('store-back')).toHaveLength(1);
    await rollout.close();
  });

  it('at the start for writing alone: it begins when the store takes that too', async () => {
    const fragile = fragileStore();
    let readsOnly = true;
    const store: RolloutStore = {
      ...fragile.store,
      async write(...args) {
        if (readsOnly) throw new FairleadError('STORE_FAILED', 'The store only reads.');
        return fragile.store.write(...args);
      },
    };
    const { rollout, send, told } = await setUpRollout({ store });
    expect(new Set(await send(30))).toEqual(new Set(['champion']));
    // What fails at every look is said once.
    expect(told('store-fail')).toHaveLength(1);
    expect(told('store-back')).toHaveLength(0);
    readsOnly = false;
    await send(30);
    expect(rollout.describe()).toMatchObject({ status: 'running', degraded: [] });
    expect(told('store-back')).toHaveLength(1);
    await rollout.close();
  });

  it('and does not even say so: nothing waits for it, not the start and not the end', async () => {
    const clock = createVirtualClock();
    const silent = new Promise<never>(() => {});
    const { store } = fragileStore();
    const hanging: RolloutStore = {
      ...store,
      read: () => silent,
      write: () => silent,
      add: () => silent,
      sum: () => silent,
    };
    const opening = setUpRollout({ store: hanging }, {}, clock);
    await clock.advance(2000);
    const { rollout, send, told } = await opening;
    expect(new Set(await send(10))).toEqual(new Set(['champion']));
    expect(told('store-fail')).toMatchObject([{ error: { code: 'STORE_FAILED' } }]);
    const closing = rollout.close();
    await clock.advance(10_000);
    await closing;
    expect(clock.pendingTimers).toBe(0);
  });

  it('later: the weights stay, and nothing is decided', async () => {
    const fragile = fragileStore();
    const { rollout, send } = await setUpRollout({ store: fragile.store, strategy: half });
    fragile.isDown = true;
    const arms = await send(200);
    expect(arms.filter((arm) => arm === 'canary').length).toBeGreaterThan(70);
    expect(rollout.describe()).toMatchObject({ status: 'running', weights: { canary: 0.5 } });
    fragile.isDown = false;
    await send(1);
    // The evidence of that time was kept.
    expect(rollout.describe().weights.canary).toBe(0.6);
    await rollout.close();
  });

  it('while an arm harms: this process goes back all the same, and the store hears of it', async () => {
    const fragile = fragileStore();
    let broken = false;
    const { rollout, send } = await setUpRollout(
      { store: fragile.store, strategy: half, breaker: { failures: 1e6 } },
      { challenger: () => (broken ? { error: failure('RUN_FAILED') } : {}) },
    );
    broken = true;
    fragile.isDown = true;
    await send(200);
    expect(rollout.describe()).toMatchObject({ status: 'rolled-back', weights: { champion: 1 } });
    expect((await createReader(fragile)).status).toBe('running');
    fragile.isDown = false;
    await send(1);
    expect((await createReader(fragile)).status).toBe('rolled-back');
    await rollout.close();
  });

  it('while one of two arms harms: it leaves here all the same, and the other goes on', async () => {
    const fragile = fragileStore();
    const clock = createVirtualClock();
    let broken = false;
    const challengers = {
      good: scriptedRunner(clock, undefined, '2'),
      bad: scriptedRunner(clock, () => (broken ? { error: failure('RUN_FAILED') } : {}), '3'),
    };
    const options = { challengers, store: fragile.store, strategy: abTest(), breaker: { failures: 1e6 } };
    const { rollout, send } = await setUpRollout(options, {}, clock);
    broken = true;
    fragile.isDown = true;
    await send(400);
    expect(rollout.describe().weights).toEqual({ champion: expect.closeTo(2 / 3, 9), good: expect.closeTo(1 / 3, 9) });
    fragile.isDown = false;
    await send(1);
    expect((await createReader(fragile)).arms).toEqual(['good']);
    await rollout.close();
  });

  it('while somebody pauses here: the pause holds for the others too, who went on meanwhile', async () => {
    const fragile = fragileStore();
    const clock = createVirtualClock();
    const { rollout } = await setUpRollout({ store: fragile.store, strategy: half }, {}, clock);
    fragile.isDown = true;
    await rollout.pause({ actor: 'Ada', reason: 'Wait.' });
    fragile.isDown = false;
    const other = await setUpRollout({ store: fragile.store, strategy: half }, {}, clock);
    fragile.isDown = true;
    await clock.advance(500);
    fragile.isDown = false;
    const { epoch, ...before } = await createReader(fragile);
    await fragile.store.write('digits', epoch, { ...before, history: [...before.history] });
    await clock.advance(2000);
    const { status, history } = await createReader(fragile);
    expect(status).toBe('paused');
    expect(history.at(-1)).toMatchObject({ actor: 'Ada', to: 'paused' });
    expect(other.rollout.describe().status).toBe('paused');
    for (const each of [rollout, other.rollout]) await each.close();
  });

  it('that lost what it had gets it back', async () => {
    const fragile = fragileStore();
    const { rollout, send } = await setUpRollout({ store: fragile.store, strategy: half });
    await send(100);
    const { history } = rollout.describe();
    fragile.isDown = true;
    await send(1);
    // It comes back empty.
    fragile.clear();
    fragile.isDown = false;
    await send(1);
    expect(rollout.describe()).toMatchObject({ status: 'running', weights: { canary: 0.6 }, degraded: [] });
    expect((await createReader(fragile)).history).toEqual(history);
    await rollout.close();
  });
});

async function createReader(fragile: ReturnType<typeof fragileStore>) {
  const { isDown } = fragile;
  fragile.isDown = false;
  const stored = await fragile.store.read('digits');
  fragile.isDown = isDown;
  if (stored === undefined) throw new Error('Nothing is stored.');
  return stored;
}
