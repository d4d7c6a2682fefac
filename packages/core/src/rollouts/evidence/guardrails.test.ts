import { describe, expect, test } from 'vitest';
import type { Block } from '../contracts';
import { costGuardrail, driftGuardrail, errorsGuardrail, latencyGuardrail, rewardGuardrail } from './guardrails';

const block = (given: Partial<Block> = {}): Block => ({
  arm: 'canary',
  startedAt: 0,
  endedAt: 1,
  requests: 4,
  failedRequests: 0,
  latenciesMs: [],
  ...given,
});
const control = (given: Partial<Block> = {}): Block => block({ arm: 'champion', ...given });

describe('a guardrail', () => {
  test('of errors measures the share that failed', () => {
    const guardrail = errorsGuardrail();
    expect(guardrail).toMatchObject({ name: 'errors', harmfulWhen: 'higher', margin: 0.01, bounds: [0, 1] });
    expect(guardrail.measure(block({ failedRequests: 1 }))).toBe(0.25);
    expect(guardrail.measure(block({ requests: 0 }))).toBeUndefined();
  });

  test('of latency measures the share above a line that is given', () => {
    const guardrail = latencyGuardrail({ slowMs: 100, margin: 0.05 });
    expect(guardrail.margin).toBe(0.05);
    expect(guardrail.measure(block({ latenciesMs: [99, 100, 101, 500] }))).toBe(0.5);
    expect(guardrail.measure(block())).toBeUndefined();
  });

  test('of latency draws the line by what the control took before, the same for both blocks of a pair', () => {
    const guardrail = latencyGuardrail({ quantile: 0.9 });
    const times = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(guardrail.measure(block({ latenciesMs: [1e6] }))).toBeUndefined();
    expect(guardrail.measure(control({ latenciesMs: times }))).toBeUndefined();
    // Of 1 to 100 the 90th percentile is 90, and ten of them are above it.
    expect(guardrail.measure(block({ latenciesMs: [90, 91] }))).toBe(0.5);
    expect(guardrail.measure(control({ latenciesMs: times.map((time) => time * 10) }))).toBe(0.91);
    // Only now the second block counts: of both together, 180 of 200 are at most 800.
    expect(guardrail.measure(block({ latenciesMs: [800, 801] }))).toBe(0.5);
  });

  test('of latency follows the control and forgets what is old; the challenger never moves the line', () => {
    const guardrail = latencyGuardrail({ quantile: 0.5, window: 100 });
    guardrail.measure(control({ latenciesMs: Array.from({ length: 100 }, () => 10) }));
    for (let pair = 0; pair < 50; pair++) guardrail.measure(block({ latenciesMs: [5000, 5000] }));
    expect(guardrail.measure(block({ latenciesMs: [11] }))).toBe(1);
    guardrail.measure(control({ latenciesMs: Array.from({ length: 100 }, () => 20) }));
    expect(guardrail.measure(block({ latenciesMs: [11, 20, 21] }))).toBeCloseTo(1 / 3, 12);
  });

  test('of drift measures the state, of which one pair counts in the time of a window', () => {
    const guardrail = driftGuardrail({ windowMs: 1000 });
    expect(guardrail).toMatchObject({ name: 'drift', margin: 0.1, windowMs: 1000 });
    expect(guardrail.measure(block({ driftState: 0.5 }))).toBe(0.5);
    expect(guardrail.measure(block())).toBeUndefined();
    expect(driftGuardrail().windowMs).toBe(60_000);
  });

  test('of latency takes the line of all replicas until it has one of its own', () => {
    const guardrail = latencyGuardrail({ quantile: 0.9 });
    const elsewhere = latencyGuardrail({ quantile: 0.9 });
    elsewhere.measure(control({ latenciesMs: Array.from({ length: 100 }, (_, index) => index + 1) }));
    expect(guardrail.measure(block({ latenciesMs: [80, 200] }))).toBeUndefined();
    guardrail.shared?.setKnown(elsewhere.shared?.take() ?? {});
    expect(guardrail.measure(block({ latenciesMs: [80, 200] }))).toBe(0.5);
    expect(latencyGuardrail({ slowMs: 5 }).shared).toBeUndefined();
  });
  test('of cost measures a request, and of reward the mean of those that came', () => {
    const cost = costGuardrail({ bounds: [0, 10], margin: 1 });
    expect(cost).toMatchObject({ name: 'cost', harmfulWhen: 'higher', margin: 1 });
    expect(cost.measure(block({ cost: 6 }))).toBe(1.5);
    expect(cost.measure(block())).toBeUndefined();
    const reward = rewardGuardrail({ name: 'clicks', bounds: [0, 1] });
    expect(reward).toMatchObject({ name: 'clicks', harmfulWhen: 'lower', margin: 0 });
    expect(reward.measure(block({ rewards: [1, 0, 1, 1] }))).toBe(0.75);
    expect(reward.measure(block({ rewards: [] }))).toBeUndefined();
    expect(reward.measure(block())).toBeUndefined();
  });

  test.each<[string, () => unknown, string]>([
    ['a margin below 0', () => errorsGuardrail({ margin: -1 }), 'margin'],
    ['a margin of 1', () => latencyGuardrail({ margin: 1 }), 'margin'],
    ['a line of 0', () => latencyGuardrail({ slowMs: 0 }), 'slowMs'],
    ['a quantile of 1', () => latencyGuardrail({ quantile: 1 }), 'quantile'],
    ['a window of 10', () => latencyGuardrail({ window: 10 }), 'window'],
    ['a window without length', () => driftGuardrail({ windowMs: 0 }), 'windowMs'],
    ['no bounds', () => costGuardrail({} as { bounds: [number, number] }), 'bounds'],
    ['bounds the wrong way round', () => costGuardrail({ bounds: [1, 0] }), 'bounds'],
    ['a margin beyond the bounds', () => rewardGuardrail({ bounds: [0, 1], margin: 2 }), 'margin'],
    ['an empty name', () => rewardGuardrail({ bounds: [0, 1], name: '' }), 'name'],
    ['an option that there is none of', () => errorsGuardrail({ limit: 1 } as { margin?: number }), 'limit'],
  ])('refuses %s', (_what, make, field) => {
    expect(make).toThrow(`option "${field}"`);
  });
});
