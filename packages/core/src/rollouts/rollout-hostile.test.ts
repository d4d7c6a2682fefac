import { describe, expect, it } from 'vitest';
import { pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { linUcb } from './bandits/lin-ucb';
import type { RolloutStore, StoredRollout } from './contracts';
import { driftGuardrail } from './evidence/guardrails';
import { setUpRollout } from './rollout.fixture';
import { createShadow } from './shadow/create-shadow';
import { createMemoryRolloutStore } from './store/memory-rollout-store';
import { abTest } from './strategies/ab-test';
import { canary } from './strategies/canary';
import { linearRamp } from './strategies/linear-ramp';
import { shadow } from './strategies/shadow';

/** A memory store whose calls take a while of the virtual clock, from when it is told. */
function slowStore(clock: ReturnType<typeof createVirtualClock>) {
  const inner = createMemoryRolloutStore();
  const state = { delayMs: 0 };
  const later = async <T>(call: () => Promise<T>): Promise<T> => {
    const { delayMs } = state;
    if (delayMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, delayMs));
    return call();
  };
  const store: RolloutStore = {
    name: 'slow',
    read: (rollout) => later(() => inner.read(rollout)),
    write: (rollout, epoch, next) => later(() => inner.write(rollout, epoch, next)),
    add: (rollout, epoch, replica, sequence, tally) => later(() => inner.add(rollout, epoch, replica, sequence, tally)),
    sum: (rollout, epoch) => later(() => inner.sum(rollout, epoch)),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
  return { store, state, inner };
}

describe('the way back', () => {
  it.each(['rollback', 'abort'] as const)(
    'by %s() holds from the next request on, whatever look is under way',
    async (verb) => {
      const clock = createVirtualClock();
      const { store, state } = slowStore(clock);
      const { rollout } = await setUpRollout({ store, strategy: abTest() }, {}, clock);
      state.delayMs = 400;
      // A look begins, and hears of the store only after somebody has called the champion back.
      await clock.advance(1000);
      const done = rollout[verb]();
      const served = new Set<string>();
      for (let step = 0; step < 200; step++) {
        const answer = rollout.run(pair(step), { key: `user-${step}` });
        await clock.advance(10);
        served.add((await answer).rollout.arm);
      }
      await clock.advance(10_000);
      await done;
      expect([...served]).toEqual(['champion']);
      expect(rollout.describe().status).toBe(verb === 'rollback' ? 'rolled-back' : 'aborted');
      state.delayMs = 0;
      await clock.advance(2000);
      await rollout.close();
    },
  );
});

describe('a cool-down', () => {
  it('that began in another replica holds here too, before this one has heard of it', async () => {
    const clock = createVirtualClock();
    const { store } = slowStore(clock);
    const [one, other] = [await setUpRollout({ store }, {}, clock), await setUpRollout({ store }, {}, clock)];
    await one.rollout.abort();
    await clock.advance(1000);
    await one.rollout.start();
    await one.rollout.rollback();
    expect(other.rollout.describe().status).toBe('aborted');
    await expect(other.rollout.start()).rejects.toMatchObject({ code: 'CONFLICT', details: { retryAfterMs: 600_000 } });
    for (const { rollout } of [one, other]) await rollout.close();
  });
});

describe('what a store holds', () => {
  it('and the strategy cannot read, as of a bandit with another context, begins anew', async () => {
    const inner = createMemoryRolloutStore();
    // As from another process: nothing of it is the very object that was written.
    const store: RolloutStore = { ...inner, read: async (rollout) => structuredClone(await inner.read(rollout)) };
    const clock = createVirtualClock();
    const first = await setUpRollout({ store, strategy: linUcb({ dimensions: 2 }) }, {}, clock);
    const second = await setUpRollout({ store, strategy: linUcb({ dimensions: 3 }) }, {}, clock);
    expect(second.rollout.describe()).toMatchObject({ status: 'running', degraded: [] });
    // The process from before serves its champion.
    await clock.advance(1000);
    expect(first.rollout.describe()).toMatchObject({ status: 'idle', weights: { champion: 1 } });
    expect(new Set(await first.send(10, { context: [1, 1] }))).toEqual(new Set(['champion']));
    for (const { rollout } of [first, second]) await rollout.close();
  });

  const sound = {
    version: 1,
    epoch: 3,
    status: 'running',
    strategy: 'ab-test',
    state: { sinceEpochMs: 0, arms: ['canary'], all: 1 },
    weights: {},
    arms: ['canary'],
    models: {},
    evidenceEpoch: 1,
    coolDownUntilEpochMs: 0,
    history: [],
  };
  it.each<[string, unknown]>([
    ['nothing of it', {}],
    ['a text', 'running'],
    ['another version', { ...sound, version: 2 }],
    ['another status', { ...sound, status: 'walking' }],
    ['no state', { ...sound, state: null }],
    ['no arms', { ...sound, arms: 'canary' }],
    ['no history', { ...sound, history: null }],
    ['no epoch', { ...sound, epoch: Number.NaN }],
  ])('with %s counts as a store that cannot be had: the champion serves', async (_, held) => {
    const store = { ...createMemoryRolloutStore(), read: async () => held as StoredRollout };
    const { rollout, send, told } = await setUpRollout({ store, strategy: abTest() });
    expect(new Set(await send(20))).toEqual(new Set(['champion']));
    expect(told('store-fail')).toMatchObject([{ error: { code: 'STORE_CORRUPT', details: { field: 'digits' } } }]);
    expect(rollout.describe().status).toBe('idle');
    await rollout.close();
  });

  it('of evidence from before its state was deleted is no evidence of the next run', async () => {
    const inner = createMemoryRolloutStore();
    let held: StoredRollout | undefined;
    const store: RolloutStore = {
      ...inner,
      read: async () => held,
      async write(_rollout, expected, next) {
        held = { ...next, epoch: expected + 1 };
        return expected + 1;
      },
    };
    const clock = createVirtualClock();
    const first = await setUpRollout({ store, strategy: abTest() }, {}, clock);
    await first.send(50);
    await first.rollout.close();
    held = undefined;
    const second = await setUpRollout({ store, strategy: abTest() }, {}, clock);
    expect(second.rollout.describe().arms[1]?.evidence?.requests).toBe(0);
    await second.send(50);
    expect(second.rollout.describe().arms[1]?.evidence?.requests).toBeGreaterThan(10);
    await second.rollout.close();
  });
});

describe('a rollout', () => {
  it.each(['start', 'promote', 'rollback', 'abort', 'pause', 'resume', 'approve'] as const)(
    'that was closed refuses %s()',
    async (verb) => {
      const { rollout } = await setUpRollout();
      await rollout.close();
      await expect(rollout[verb]()).rejects.toMatchObject({ code: 'CLOSED' });
    },
  );

  it.each([7, null, {}])('refuses the key %j, which would be another unit elsewhere', async (key) => {
    const { rollout } = await setUpRollout();
    const refused = { code: 'INVALID_ARGUMENT', details: { field: 'key' } };
    await expect(rollout.run(pair(), { key: key as never })).rejects.toMatchObject(refused);
    await rollout.close();
  });

  it('refuses options of a request, and of what is asked for, that are none', async () => {
    const { rollout } = await setUpRollout();
    const refused = (field: string) => ({ code: 'INVALID_ARGUMENT', details: { field } });
    await expect(rollout.run(pair(), null as never)).rejects.toMatchObject(refused('options'));
    await expect(rollout.rollback(null as never)).rejects.toMatchObject(refused('by'));
    await expect(rollout.promote({ actor: 7 as never })).rejects.toMatchObject(refused('actor'));
    await expect(rollout.promote({ arms: 'canary' } as never)).rejects.toMatchObject(refused('arms'));
    await expect(rollout.rollback({ arm: 'canary' } as never)).rejects.toMatchObject(refused('arm'));
    expect(rollout.describe().status).toBe('running');
    await rollout.close();
  });

  it('that was closed refuses rewards, which nobody would learn of', async () => {
    const { rollout, clock } = await setUpRollout({ strategy: abTest(), rewards: {} });
    const asked = rollout.run(pair());
    await clock.advance(20);
    const { rollout: trace } = await asked;
    await rollout.close();
    expect(() => rollout.reward(trace.decisionId, 1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('refuses a time of a reward that is none, which would count as now', async () => {
    const { rollout } = await setUpRollout({ strategy: abTest(), rewards: {} });
    for (const time of [Date.now(), null, 'now']) {
      expect(() => rollout.reward('a', 1, time as never)).toThrow('"time" is wrong: expected an object such as { at }');
    }
    await rollout.close();
  });

  it('says which guardrail hears nothing', async () => {
    const { rollout, log } = await setUpRollout({ guardrails: [driftGuardrail()] });
    expect(log.join()).toContain('The guardrail "drift" hears nothing without the option driftOf');
    await rollout.close();
  });

  it('says that a shadow is not among its observers, and would compare nothing', async () => {
    const clock = createVirtualClock();
    const champion = scriptedRunner(clock, undefined, '1');
    const challenger = scriptedRunner(clock, undefined, '2');
    const mirror = createShadow({ champion, shadow: challenger, clock });
    const options = { champion, challengers: { canary: challenger }, strategy: shadow({ mirror, next: canary() }) };
    const deaf = await setUpRollout(options, {}, clock);
    expect(deaf.log.join()).toContain('hears of no request until its mirror is among the option observers');
    const heard = await setUpRollout({ ...options, observers: [mirror] }, {}, clock);
    expect(heard.log).toEqual([]);
    for (const { rollout } of [deaf, heard]) await rollout.close();
    await mirror.close();
  });

  it('stands still while it is paused: a ramp goes on from where it was', async () => {
    const strategy = linearRamp({ from: 0.1, to: 0.5, overMs: 40_000, increment: 0.1 });
    const { rollout, clock } = await setUpRollout({ strategy });
    await clock.advance(15_000);
    expect(rollout.describe().weights.canary).toBeCloseTo(0.2, 9);
    await rollout.pause();
    await clock.advance(3_600_000);
    await rollout.resume();
    await clock.advance(4000);
    expect(rollout.describe().weights.canary).toBeCloseTo(0.2, 9);
    await clock.advance(2000);
    expect(rollout.describe().weights.canary).toBeCloseTo(0.3, 9);
    await rollout.close();
  });
});
