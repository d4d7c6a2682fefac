import { describe, expect, it } from 'vitest';
import { failure, pair, type Step } from '../resilience/scripted-runner.fixture';
import { errorsGuardrail } from './evidence/guardrails';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

/** Fails one request in so many. */
const failsEvery =
  (every: number) =>
  (call: number): Step =>
    call % every === 0 ? { error: failure('RUN_FAILED') } : {};

describe('a canary', () => {
  it('gives a challenger its share, more in steps, and promotes it by itself when it was shown to be not worse', async () => {
    const { rollout, send, told, champion } = await setUpRollout({ guardrails: [errorsGuardrail({ margin: 0.2 })] });
    expect(rollout.describe()).toMatchObject({ status: 'running', weights: { champion: 0.9, canary: 0.1 } });
    const first = await send(300);
    expect(first.filter((who) => who === 'canary').length).toBeGreaterThan(10);
    expect(first.filter((who) => who === 'canary').length).toBeLessThan(60);
    await send(600);
    expect(rollout.describe().status).toBe('promoted');
    expect(told('rollout-change').map(({ to, weights }) => [to, weights.canary])).toEqual([
      ['running', 0.1],
      ['running', 0.5],
      ['promoted', 1],
    ]);
    expect(new Set(await send(50))).toEqual(new Set(['canary']));
    expect(rollout.model.version).toBe('2');
    expect(champion.closed).toBe(false);
    await rollout.close();
    expect(champion.closed).toBe(true);
  });

  it('rolls back a challenger that fails more often, by itself, with the evidence in its history', async () => {
    const { rollout, send, told, clock } = await setUpRollout(
      { breaker: { failures: 1000 } },
      { challenger: failsEvery(2) },
    );
    const ends = await send(2000);
    // Nobody felt it: the champion answered in the same request.
    expect(ends.every((who) => who === 'champion' || who === 'canary')).toBe(true);
    const { status, history, weights } = rollout.describe();
    expect(status).toBe('rolled-back');
    expect(weights).toEqual({ champion: 1 });
    expect(history.at(-1)).toMatchObject({
      to: 'rolled-back',
      actor: 'guardrail',
      evidence: { arms: { canary: { verdict: 'harm' } } },
    });
    expect(history.at(-1)?.reason).toContain('canary harms errors');
    expect(told('request-fall-back').length).toBeGreaterThan(5);
    expect(new Set(await send(50))).toEqual(new Set(['champion']));
    await rollout.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('goes back within one request when somebody asks for it', async () => {
    const { rollout, clock } = await setUpRollout({
      strategy: canary({ steps: [{ weight: 1, minRequests: 1e6 }], promoteOn: 'never' }),
    });
    const before = rollout.run(pair(), { key: 'a' });
    const back = rollout.rollback({ actor: 'Ada', reason: 'The labels are wrong.' });
    const after = rollout.run(pair(), { key: 'a' });
    await clock.advance(20);
    await back;
    expect((await before).rollout).toMatchObject({ arm: 'canary', answeredBy: 'canary', propensity: 1 });
    expect((await after).rollout).toMatchObject({ arm: 'champion', answeredBy: 'champion' });
    expect(rollout.describe().history.at(-1)).toMatchObject({ actor: 'Ada', reason: 'The labels are wrong.' });
    await rollout.close();
  });
});
