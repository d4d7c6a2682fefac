import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { ArmEvidence, EvidenceSummary, Strategy, StrategyState } from '../contracts';
import { abTest } from './ab-test';
import { blueGreen } from './blue-green';
import { canary } from './canary';
import { championChallenger } from './champion-challenger';
import { linearRamp } from './linear-ramp';

function evidenceOf(verdict: ArmEvidence['verdict'], requests: number, ...arms: readonly string[]): EvidenceSummary {
  const of = (arm: string): ArmEvidence => ({
    arm,
    requests,
    failedRequests: 0,
    controlRequests: requests,
    controlFailedRequests: 0,
    guardrails: [],
    verdict,
  });
  return { arms: Object.fromEntries(arms.map((arm) => [arm, of(arm)])) };
}

function fieldOf(make: () => unknown): string | undefined {
  try {
    make();
  } catch (error) {
    if (FairleadError.isInstance(error, 'INVALID_OPTION')) return error.details.field;
    throw error;
  }
  return undefined;
}

const at = (epochMs: number, approved = false) => ({ epochMs, approved });
const roundTrip = (state: StrategyState): StrategyState => JSON.parse(JSON.stringify(state)) as StrategyState;
const everyStrategy: readonly Strategy[] = [
  canary(),
  linearRamp({ overMs: 1000 }),
  blueGreen(),
  abTest(),
  championChallenger(),
];

describe.each(everyStrategy)('$name', (strategy) => {
  it('has weights that sum to 1, in its state and in its plan, and a state that survives JSON', () => {
    const state = strategy.start(['v2'], 0);
    expect(roundTrip(state)).toEqual(state);
    const weighed = [strategy.weights(state), ...strategy.plan(['v2']).map(({ weights }) => weights)];
    for (const weights of weighed) {
      expect(Object.values(weights).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
      expect(Object.keys(weights).toSorted()).toEqual(['champion', 'v2']);
    }
  });

  it('rolls back what harms at any moment, and leaves it out of its weights', () => {
    const { action, arm, state } = strategy.decide(strategy.start(['v2'], 0), evidenceOf('harm', 1, 'v2'), at(0));
    expect([action, arm]).toEqual(['rollback', 'v2']);
    expect(strategy.weights(state)).toEqual({ champion: 1 });
  });

  it('stays while there is no evidence', () => {
    const decision = strategy.decide(strategy.start(['v2'], 0), evidenceOf('inconclusive', 0, 'v2'), at(0));
    expect(decision.action).toBe('stay');
    expect(decision.reason).not.toBe('');
  });
});

describe('canary', () => {
  it('steps after its requests, its pause and its approval, each counted from the step', () => {
    const strategy = canary({
      steps: [
        { weight: 0.1, minRequests: 10, pauseMs: 100, approval: true },
        { weight: 0.4, minRequests: 10 },
      ],
    });
    const first = strategy.start(['v2'], 1000);
    const ask = (state: StrategyState, requests: number, time: ReturnType<typeof at>, verdict = 'non-inferior') =>
      strategy.decide(state, evidenceOf(verdict as ArmEvidence['verdict'], requests, 'v2'), time);
    expect(ask(first, 9, at(5000)).action).toBe('stay');
    expect(ask(first, 12, at(1099)).action).toBe('stay');
    expect(ask(first, 12, at(1100)).action).toBe('wait-for-approval');
    const step = ask(first, 12, at(1100, true));
    expect(step.action).toBe('step');
    expect(strategy.weights(step.state)).toEqual({ champion: 0.6, v2: 0.4 });
    expect(ask(step.state, 21, at(1200)).action).toBe('stay');
    expect(ask(step.state, 22, at(1200), 'inconclusive').action).toBe('stay');
    expect(ask(step.state, 22, at(1200))).toMatchObject({ action: 'promote', arm: 'v2' });
  });

  it('promotes without proof where no harm is enough, and never where somebody is to decide', () => {
    const steps = [{ weight: 0.5, minRequests: 1 }];
    const asked = (promoteOn: 'no-harm' | 'never') => {
      const strategy = canary({ steps, promoteOn });
      return strategy.decide(strategy.start(['v2'], 0), evidenceOf('inconclusive', 5, 'v2'), at(0)).action;
    };
    expect([asked('no-harm'), asked('never')]).toEqual(['promote', 'stay']);
  });

  it('moves on within the hours of its schedule alone, and goes back at any time', () => {
    const strategy = canary({
      steps: [
        { weight: 0.1, minRequests: 1 },
        { weight: 0.2, minRequests: 1 },
      ],
      schedule: { daysUtc: [1, 2, 3, 4, 5], fromHourUtc: 9, toHourUtc: 17 },
    });
    const state = strategy.start(['v2'], 0);
    const asked = (when: string, verdict: ArmEvidence['verdict'] = 'inconclusive') =>
      strategy.decide(state, evidenceOf(verdict, 5, 'v2'), at(Date.parse(when))).action;
    expect(asked('2025-03-03T09:00:00Z')).toBe('step');
    expect(asked('2025-03-03T17:00:00Z')).toBe('stay');
    expect(asked('2025-03-02T12:00:00Z')).toBe('stay');
    expect(asked('2025-03-02T12:00:00Z', 'harm')).toBe('rollback');
  });

  it('takes a step that leaves no control only with the evidence that promotes, where evidence is to promote', () => {
    const steps = [
      { weight: 0.5, minRequests: 1 },
      { weight: 1, minRequests: 1 },
    ];
    const asked = (promoteOn: 'non-inferior' | 'no-harm' | 'never', verdict: ArmEvidence['verdict']) => {
      const strategy = canary({ steps, promoteOn });
      return strategy.decide(strategy.start(['v2'], 0), evidenceOf(verdict, 5, 'v2'), at(0)).action;
    };
    expect(asked('non-inferior', 'inconclusive')).toBe('stay');
    expect(asked('non-inferior', 'non-inferior')).toBe('step');
    expect([asked('no-harm', 'inconclusive'), asked('never', 'inconclusive')]).toEqual(['step', 'step']);
  });

  it('keeps an approval that came outside the hours of its schedule until they begin', () => {
    const step = { minRequests: 1, approval: true };
    const strategy = canary({
      steps: [
        { weight: 0.1, ...step },
        { weight: 0.2, ...step },
      ],
      schedule: { fromHourUtc: 9, toHourUtc: 17 },
    });
    const evidence = evidenceOf('inconclusive', 5, 'v2');
    const [day, night] = [Date.parse('2025-03-03T12:00:00Z'), Date.parse('2025-03-03T20:00:00Z')];
    const start = strategy.start(['v2'], 0);
    expect(strategy.decide(start, evidence, at(day)).action).toBe('wait-for-approval');
    const approved = strategy.decide(start, evidence, at(night, true));
    expect(approved.action).toBe('stay');
    const stepped = strategy.decide(roundTrip(approved.state), evidence, at(day));
    expect(stepped.action).toBe('step');
    // The next step wants one of its own.
    expect(strategy.decide(stepped.state, evidenceOf('non-inferior', 9, 'v2'), at(day)).action).toBe(
      'wait-for-approval',
    );
  });

  it('drops one of several challengers and goes on with the others', () => {
    const strategy = canary({ steps: [{ weight: 0.2, minRequests: 1 }] });
    const state = strategy.start(['a', 'b'], 0);
    const arms = { ...evidenceOf('harm', 5, 'a').arms, ...evidenceOf('inconclusive', 5, 'b').arms };
    const decision = strategy.decide(state, { arms }, at(0));
    expect(decision).toMatchObject({ action: 'rollback', arm: 'a' });
    expect(strategy.weights(decision.state)).toEqual({ champion: 0.8, b: 0.2 });
  });

  it.each([
    ['steps', () => canary({ steps: [] })],
    ['steps.0.weight', () => canary({ steps: [{ weight: 0 }] })],
    ['steps.0.weight', () => canary({ steps: [{ weight: 1.1 }] })],
    ['steps.1.weight', () => canary({ steps: [{ weight: 0.2 }, { weight: 0.2 }] })],
    ['steps.0.minRequests', () => canary({ steps: [{ weight: 0.2, minRequests: 1.5 }] })],
    ['steps', () => canary({ steps: [{ weight: 0.6 }] }).start(['a', 'b'], 0)],
    ['schedule', () => canary({ schedule: { fromHourUtc: 9, toHourUtc: 9 } })],
    ['weights', () => canary({ weights: [] } as never)],
  ])('refuses a wrong %s', (field, make) => {
    expect(fieldOf(make)).toBe(field);
  });
});

describe('linearRamp', () => {
  it('grows with time by whole increments, and is promoted at the end', () => {
    const strategy = linearRamp({ from: 0.1, to: 0.5, overMs: 4000, increment: 0.1, minRequests: 10 });
    let state = strategy.start(['v2'], 0);
    const shares: number[] = [];
    for (let now = 0; now <= 4000; now += 500) {
      const decision = strategy.decide(state, evidenceOf('inconclusive', 20, 'v2'), at(now));
      state = decision.state;
      shares.push(Number((strategy.weights(state).v2 as number).toFixed(6)));
    }
    expect(shares).toEqual([0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5]);
    expect(strategy.decide(state, evidenceOf('non-inferior', 9, 'v2'), at(4001)).action).toBe('stay');
    expect(strategy.decide(state, evidenceOf('non-inferior', 20, 'v2'), at(4001)).action).toBe('promote');
  });

  it.each([
    ['to', () => linearRamp({ from: 0.5, to: 0.5, overMs: 1 })],
    ['overMs', () => linearRamp({ overMs: 0 })],
    ['to', () => linearRamp({ to: 0.6, overMs: 1 }).start(['a', 'b'], 0)],
  ])('refuses a wrong %s', (field, make) => {
    expect(fieldOf(make)).toBe(field);
  });
});

describe('championChallenger', () => {
  it.each([
    ['share', () => championChallenger({ share: 2 })],
    ['minRequests', () => championChallenger({ minRequests: -1 })],
    ['steps', () => championChallenger({ steps: [{ weight: 1 }] } as never)],
  ])('refuses a wrong %s', (field, make) => {
    expect(fieldOf(make)).toBe(field);
  });
});

describe('blueGreen', () => {
  it('gives the challenger everything but a control slice at once, and promotes it after it held out', () => {
    const strategy = blueGreen({ control: 0.05, holdMs: 100, minRequests: 10 });
    const state = strategy.start(['green'], 0);
    expect(strategy.weights(state).green).toBeCloseTo(0.95, 9);
    expect(strategy.decide(state, evidenceOf('inconclusive', 10, 'green'), at(99)).action).toBe('stay');
    expect(strategy.decide(state, evidenceOf('inconclusive', 10, 'green'), at(100)).action).toBe('promote');
  });

  it.each([
    ['control', () => blueGreen({ control: 1 })],
    ['challengers', () => blueGreen().start(['a', 'b'], 0)],
  ])('refuses a wrong %s', (field, make) => {
    expect(fieldOf(make)).toBe(field);
  });
});

describe('abTest', () => {
  it('keeps its weights, and the champion gets the share of what leaves', () => {
    const strategy = abTest({ weights: { champion: 0.5, a: 0.3, b: 0.2 } });
    const state = strategy.start(['a', 'b'], 0);
    expect(strategy.weights(state)).toEqual({ champion: 0.5, a: 0.3, b: 0.2 });
    const { state: after } = strategy.decide(
      state,
      { arms: { ...evidenceOf('harm', 5, 'a').arms, ...evidenceOf('inconclusive', 5, 'b').arms } },
      at(0),
    );
    expect(strategy.weights(after)).toEqual({ champion: 0.8, b: 0.2 });
  });

  it('ends by itself only where it is told to', () => {
    const asked = (promoteOn: 'never' | 'non-inferior') => {
      const strategy = abTest({ minRequests: 1, promoteOn });
      return strategy.decide(strategy.start(['v2'], 0), evidenceOf('non-inferior', 5, 'v2'), at(0)).action;
    };
    expect([asked('never'), asked('non-inferior')]).toEqual(['stay', 'promote']);
  });

  it.each([
    ['weights', () => abTest({ weights: { champion: 0.5, a: 0.4 } })],
    ['weights.a', () => abTest({ weights: { champion: 1, a: 0 } })],
    ['weights.b', () => abTest({ weights: { champion: 0.5, a: 0.5 } }).start(['a', 'b'], 0)],
    ['weights.c', () => abTest({ weights: { champion: 0.5, a: 0.25, c: 0.25 } }).start(['a'], 0)],
  ])('refuses a wrong %s', (field, make) => {
    expect(fieldOf(make)).toBe(field);
  });
});
