import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownBy } from '../../testing/test-kit.fixture';
import { createVirtualClock } from '../../testing/virtual-clock';
import { mergeTallies } from '../evidence/tally';
import { createDecisionLog } from './decision-log';
import type { LoggedDecision } from './logged-decision';
import type { DecisionLogOptions } from './options';

const window = { attributionWindowMs: 1000, lateArrivalMs: 500 };

function open(options: DecisionLogOptions = {}) {
  const clock = createVirtualClock();
  const told: (LoggedDecision & { readonly reward: number })[] = [];
  const log = createDecisionLog({
    replica: 'one',
    clock,
    ...window,
    onReward: (decision) => void told.push(decision),
    ...options,
  });
  return { clock, log, told };
}

describe('createDecisionLog', () => {
  it('counts a reward once, and tells of it at once', () => {
    const { clock, log, told } = open();
    const at = clock.epochMs();
    const id = log.add({ arm: 'a', propensity: 0.25, context: [1, 2] });
    expect(log.reward(id, 0.5)).toBe('counted');
    expect(log.reward(id, 0.5)).toBe('duplicate');
    expect(log.reward(id, 7)).toBe('duplicate');
    const decision = { id, at, arm: 'a', propensity: 0.25, context: [1, 2], reward: 0.5 };
    expect(told).toEqual([decision]);
    expect([...log.read()]).toEqual([decision]);
    expect(log.stats()).toEqual({
      decisions: 1,
      waiting: 0,
      missing: 0,
      dropped: 0,
      rewards: { counted: 1, duplicate: 2, late: 0, gone: 0 },
      contradicted: 1,
    });
  });

  it('counts what was earned within the window though it came after, and nothing that was earned later', async () => {
    const { clock, log, told } = open();
    const start = clock.epochMs();
    const [first, second, third] = ['a', 'a', 'b'].map((arm) => log.add({ arm, propensity: 1 })) as string[];
    await clock.advance(1400);
    expect(log.reward(first as string, 1, { at: start + 1000 })).toBe('counted');
    expect(log.reward(second as string, 1, { at: start + 1001 })).toBe('late');
    expect(log.reward(third as string, 1)).toBe('late');
    await clock.advance(101);
    expect(log.reward(third as string, 1, { at: start })).toBe('gone');
    expect(told).toHaveLength(1);
    expect(log.stats()).toMatchObject({ waiting: 0, missing: 2, rewards: { counted: 1, late: 2, gone: 1 } });
    expect([...log.read()]).toEqual([]);
  });

  it('counts a reward whose time is not told, where the clock was set back since the decision', () => {
    const time = createVirtualClock();
    let aheadMs = 3_600_000;
    const { log, told } = open({ clock: { ...time, epochMs: () => time.epochMs() + aheadMs } });
    const id = log.add({ arm: 'a', propensity: 1 });
    aheadMs = 0;
    expect(log.reward(id, 1)).toBe('counted');
    expect(told).toHaveLength(1);
  });

  it('takes a missing reward for nothing known, and for a value only where that is asked for', async () => {
    for (const missingReward of [undefined, 0] as const) {
      const { clock, log, told } = open(missingReward === undefined ? {} : { missingReward });
      log.add({ arm: 'a', propensity: 0.5 });
      const rewarded = log.add({ arm: 'b', propensity: 0.5 });
      log.reward(rewarded, 1);
      await clock.advance(1501);
      log.expire();
      expect(log.stats()).toMatchObject({ missing: 1, waiting: 0 });
      expect(told.map(({ arm, reward }) => [arm, reward])).toEqual(
        missingReward === undefined
          ? [['b', 1]]
          : [
              ['b', 1],
              ['a', 0],
            ],
      );
    }
  });

  it('holds no more decisions than it may, and counts those that gave way', () => {
    const { log } = open({ maxDecisions: 3 });
    const ids = Array.from({ length: 5 }, () => log.add({ arm: 'a', propensity: 1 }));
    expect([...log.read()].map(({ id }) => id)).toEqual(ids.slice(2));
    expect(log.reward(ids[0] as string, 1)).toBe('gone');
    expect(log.reward(ids[4] as string, 1)).toBe('counted');
    expect(log.stats()).toMatchObject({ decisions: 5, waiting: 2, dropped: 2, missing: 0 });
  });

  it('accounts for every decision, whatever comes in whatever order', async () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), arm: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('reward' as const), of: fc.nat(60), value: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 700 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 120 }), async (actions) => {
        const { clock, log, told } = open({ maxDecisions: 10, missingReward: 9 });
        const ids: string[] = [];
        let asked = 0;
        for (const step of actions) {
          if (step.kind === 'add') ids.push(log.add({ arm: step.arm, propensity: 0.5 }));
          else if (step.kind === 'wait') await clock.advance(step.ms);
          else if (step.of < ids.length) {
            asked++;
            const outcome = log.reward(ids[step.of] as string, step.value);
            if (outcome === 'counted') expect(told.at(-1)).toMatchObject({ id: ids[step.of], reward: step.value });
          }
        }
        const { decisions, waiting, missing, dropped, rewards } = log.stats();
        expect(decisions).toBe(ids.length);
        expect(waiting + missing + dropped + rewards.counted).toBe(decisions);
        expect(Object.values(rewards).reduce((sum, count) => sum + count, 0)).toBe(asked);
        expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
        expect(told).toHaveLength(rewards.counted + missing);
        expect([...log.read()].length).toBeLessThanOrEqual(10);
      }),
      { numRuns: 200 },
    );
  });

  it('adds up by arm, and replicas add up to one', () => {
    const one = open();
    const two = open({ replica: 'two' });
    one.log.reward(one.log.add({ arm: 'a', propensity: 0.5 }), 2);
    two.log.reward(two.log.add({ arm: 'a', propensity: 0.25 }), 3);
    two.log.add({ arm: 'b', propensity: 0.75 });
    const sum = mergeTallies(one.log.takeTally(), two.log.takeTally());
    expect(sum).toEqual({
      'a/decisions': 2,
      'a/rewards': 2,
      'a/total': 5,
      'a/squares': 13,
      'a/weighted': 2 / 0.5 + 3 / 0.25,
      'b/decisions': 1,
    });
    expect(one.log.takeTally()).toEqual({});
  });

  it('learns nothing of what was fixed beforehand', () => {
    const { log, told } = open();
    const id = log.add({ arm: 'a', propensity: 1, randomised: false });
    expect(log.reward(id, 1)).toBe('counted');
    expect(log.reward(id, 1)).toBe('duplicate');
    expect(told).toEqual([]);
    expect([...log.read()]).toEqual([]);
    expect(log.takeTally()).toEqual({});
    expect(log.stats()).toMatchObject({ decisions: 1, waiting: 0, rewards: { counted: 1, duplicate: 1 } });
  });

  it('refuses ids that it never gave', () => {
    const { log } = open();
    const id = log.add({ arm: 'a', propensity: 1 });
    for (const unknown of ['', 'one:', 'one:1', 'one:zz', 'one:00', 'two:0', `${id}x`, `${id}.5`, 'one:-1']) {
      expect(thrownBy(() => log.reward(unknown, 1), 'NOT_FOUND').details).toMatchObject({
        field: 'decisionId',
        expected: expect.stringContaining('one:'),
        given: unknown,
      });
    }
    expect(log.reward(id, 1)).toBe('counted');
  });

  it('leaves a decision without its reward where the listener refuses it', () => {
    const { log } = open({
      onReward: ({ reward }) => {
        if (reward > 1) throw new RangeError('too much');
      },
    });
    const id = log.add({ arm: 'a', propensity: 1 });
    expect(() => log.reward(id, 2)).toThrow('too much');
    expect(log.stats()).toMatchObject({ waiting: 1, rewards: { counted: 0 } });
    expect(log.reward(id, 1)).toBe('counted');
  });

  it('names what is wrong', async () => {
    const { clock, log } = open();
    const id = log.add({ arm: 'a', propensity: 1 });
    const now = clock.epochMs();
    for (const [call, field] of [
      [() => log.add({ arm: '', propensity: 1 }), 'arm'],
      [() => log.add({ arm: 'a', propensity: 0 }), 'propensity'],
      [() => log.add({ arm: 'a', propensity: 1.01 }), 'propensity'],
      [() => log.add({ arm: 'a', propensity: Number.NaN }), 'propensity'],
      [() => log.add({ arm: 'a', propensity: 1, context: [Number.NaN] }), 'context'],
      [() => log.reward(id, Number.NaN), 'reward'],
      [() => log.reward(id, Number.POSITIVE_INFINITY), 'reward'],
      [() => log.reward(id, 1, { at: now + 1001 }), 'at'],
      [() => log.reward(id, 1, { at: now - 1001 }), 'at'],
      [() => log.reward(id, 1, { at: Number.NaN }), 'at'],
      [() => log.reward(7 as unknown as string, 1), 'decisionId'],
      [() => log.reward(id, 1, { at: String(now) as never }), 'at'],
      [() => log.reward(id, 1, { at: new Date(now) as never }), 'at'],
      [() => log.reward(id, 1, now as never), 'time'],
      [() => log.reward(id, 1, null as never), 'time'],
    ] as const) {
      expect(thrownBy(call, 'INVALID_ARGUMENT').details.field).toBe(field);
    }
    // Clocks of two machines differ a little.
    expect(log.reward(id, 1, { at: now - 900 })).toBe('counted');
  });

  it.each([
    [{ attributionWindowMs: 0 }, 'attributionWindowMs'],
    [{ lateArrivalMs: -1 }, 'lateArrivalMs'],
    [{ maxDecisions: 0 }, 'maxDecisions'],
    [{ missingReward: Number.NaN }, 'missingReward'],
    [{ replica: '' }, 'replica'],
    [{ window: 5 }, 'window'],
  ])('refuses %o', (options: object, field) => {
    expect(thrownBy(() => createDecisionLog(options), 'INVALID_OPTION').details.field).toBe(field);
  });
});
