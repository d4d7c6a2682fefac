import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { type ScriptedRunner, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import type { RolloutOptions } from './options';
import { setUpRollout } from './rollout.fixture';
import { createMemoryRolloutStore } from './store/memory-rollout-store';
import { abTest } from './strategies/ab-test';

/** A challenger that is loaded when it is needed. */
function lazy(clock = createVirtualClock(), version = '2') {
  const made: ScriptedRunner[] = [];
  const state = { isThere: true, made, clock };
  const challengers = {
    canary: () => {
      if (!state.isThere) throw new FairleadError('MODEL_NOT_FOUND', 'No such model.');
      const runner = scriptedRunner(clock, undefined, version);
      made.push(runner);
      return runner;
    },
  };
  return { ...state, state, options: { challengers, strategy: abTest() } as Partial<RolloutOptions> };
}

describe('challengers that are loaded when they are needed', () => {
  it('are loaded by a process that goes on with a rollout, and by one that joins it', async () => {
    const { options, clock, made } = lazy();
    const store = createMemoryRolloutStore();
    const first = await setUpRollout({ store, ...options }, {}, clock);
    const second = await setUpRollout({ store, ...options }, {}, clock);
    expect(made).toHaveLength(2);
    expect(second.rollout.describe()).toMatchObject({ status: 'running', degraded: [] });
    expect(await second.send(40)).toContain('canary');
    await second.rollout.promote();
    const third = await setUpRollout({ store, ...options }, {}, clock);
    expect(new Set(await third.send(20))).toEqual(new Set(['canary']));
    for (const { rollout } of [first, second, third]) await rollout.close();
    expect(made.every(({ closed }) => closed)).toBe(true);
  });

  it('are loaded where another process starts the rollout, without holding up what somebody asks for', async () => {
    const { options, clock, made } = lazy();
    const store = createMemoryRolloutStore();
    const waiting = { store, ...options, autoStart: false };
    const [one, other] = [await setUpRollout(waiting, {}, clock), await setUpRollout(waiting, {}, clock)];
    expect(made).toHaveLength(0);
    await one.rollout.start();
    await clock.advance(1000);
    expect(made).toHaveLength(2);
    expect(await other.send(40)).toContain('canary');
    for (const { rollout } of [one, other]) await rollout.close();
  });

  it('that are not there are tried again, and the champion serves meanwhile', async () => {
    const { options, clock, state } = lazy();
    const store = createMemoryRolloutStore();
    const first = await setUpRollout({ store, ...options }, {}, clock);
    state.isThere = false;
    const second = await setUpRollout({ store, ...options }, {}, clock);
    expect(new Set(await second.send(20))).toEqual(new Set(['champion']));
    expect(second.told('arm-load-fail')).toHaveLength(1);
    expect(second.rollout.describe().degraded).toEqual(['canary is not loaded: the champion serves its share.']);
    await expect(second.rollout.promote()).rejects.toMatchObject({ code: 'CONFLICT', details: { given: 'canary' } });
    state.isThere = true;
    await clock.advance(30_000);
    expect(await second.send(40)).toContain('canary');
    for (const { rollout } of [first, second]) await rollout.close();
  });

  it('of another model begin anew, as they do when they are given as runners', async () => {
    const store = createMemoryRolloutStore();
    const one = lazy();
    const first = await setUpRollout({ store, ...one.options }, {}, one.clock);
    const other = lazy(one.clock, '3');
    const second = await setUpRollout({ store, ...other.options }, {}, one.clock);
    expect(second.rollout.describe()).toMatchObject({ status: 'running' });
    expect(second.rollout.describe().history).toHaveLength(2);
    for (const { rollout } of [first, second]) await rollout.close();
  });

  it('and are there only after the rollout was closed are closed', async () => {
    const clock = createVirtualClock();
    const late = scriptedRunner(clock, undefined, '2');
    let arrive: (() => void) | undefined;
    const challengers = {
      canary: () =>
        new Promise<ScriptedRunner>((resolve) => {
          arrive = () => resolve(late);
        }),
    };
    const { rollout } = await setUpRollout({ challengers, autoStart: false } as Partial<RolloutOptions>, {}, clock);
    const starting = rollout.start().catch((error: unknown) => error);
    const closing = rollout.close();
    await clock.settle();
    arrive?.();
    await closing;
    expect(late.closed).toBe(true);
    expect(await starting).toMatchObject({ code: 'ABORTED' });
  });
});
