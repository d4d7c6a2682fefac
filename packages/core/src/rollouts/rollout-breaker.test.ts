import { describe, expect, it } from 'vitest';
import { failure, pair, type Step } from '../resilience/scripted-runner.fixture';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

/** Everybody gets the challenger, and nothing else is ever decided. */
const all = canary({ steps: [{ weight: 1, minRequests: 1e9 }] });
const ill = (): Step => ({ afterMs: 5, error: failure('RUN_FAILED') });

describe('falling back', () => {
  it('lets the champion answer in the same request, with the inputs as they were', async () => {
    const { rollout, clock, champion, told } = await setUpRollout({ strategy: all }, { challenger: ill });
    const inputs = pair(3, 4);
    const asked = rollout.run(inputs, { key: 'a', timeoutMs: 100 });
    inputs.x.fill(0);
    await clock.advance(50);
    const { outputs, rollout: trace, model } = await asked;
    expect(Array.from(outputs.y?.data as Float32Array)).toEqual([30, 40]);
    expect(model.version).toBe('1');
    expect(trace).toMatchObject({ arm: 'canary', answeredBy: 'champion' });
    // What was left of its time, not the whole of it again.
    expect(champion.calls[0]?.options.deadline).toBe(100);
    expect(told('request-fall-back')).toMatchObject([{ arm: 'canary' }]);
    expect(rollout.rolloutStats().arms.canary).toMatchObject({ requests: 1, failures: 1, fellBack: 1 });
    await rollout.close();
  });

  it('leaves it where there is no time for the champion', async () => {
    const slow = (): Step => ({ afterMs: 95, error: failure('RUN_FAILED') });
    const { rollout, clock, champion } = await setUpRollout(
      { strategy: all, assignment: { overrides: { tester: 'champion' } } },
      { challenger: slow },
    );
    const measured = rollout.run(pair(), { key: 'tester' });
    await clock.advance(20);
    await measured;
    const asked = rollout.run(pair(), { key: 'a', timeoutMs: 100 }).catch((error: unknown) => error);
    await clock.advance(200);
    expect(await asked).toMatchObject({ code: 'RUN_FAILED' });
    expect(champion.calls).toHaveLength(1);
    await rollout.close();
  });

  it.each([
    ['INVALID_INPUT', {}],
    ['RUN_FAILED', { breaker: { fallback: false } }],
  ] as const)('leaves %s as it is with %o', async (code, options) => {
    const { rollout, clock, champion } = await setUpRollout(
      { strategy: all, ...options },
      { challenger: () => ({ error: failure(code) }) },
    );
    const asked = rollout.run(pair(), { key: 'a' }).catch((error: unknown) => error);
    await clock.advance(50);
    expect(await asked).toMatchObject({ code });
    expect(champion.calls).toEqual([]);
    await rollout.close();
  });

  it('takes neither what the caller did wrong nor what it gave up for a failure of the arm', async () => {
    const { rollout, clock } = await setUpRollout({ strategy: all }, { challenger: () => ({ hangs: true }) });
    const controller = new AbortController();
    const asked = rollout.run(pair(), { key: 'a', signal: controller.signal }).catch((error: unknown) => error);
    controller.abort();
    await clock.advance(10);
    expect(await asked).toMatchObject({ code: 'ABORTED' });
    expect(rollout.rolloutStats().arms.canary).toMatchObject({ requests: 1, failures: 0 });
    await rollout.close();
  });
});

describe('the breaker', () => {
  it('leaves a challenger alone that keeps failing, tries it again, and gives it its share when it is back', async () => {
    let broken = true;
    const { rollout, send, challenger, clock, told } = await setUpRollout(
      { strategy: all, breaker: { failures: 3, halfOpenAfterMs: 5000 }, lookEveryMs: 1e9 },
      { challenger: () => (broken ? { afterMs: 0, error: failure('RUN_FAILED') } : {}) },
    );
    expect(new Set(await send(20))).toEqual(new Set(['champion']));
    expect(challenger.calls).toHaveLength(3);
    expect(rollout.describe().arms[1]).toMatchObject({ arm: 'canary', circuit: 'open' });
    expect(rollout.rolloutStats().arms.canary).toMatchObject({ requests: 3, fellBack: 3, diverted: 17 });
    expect(told('arm-open')).toMatchObject([{ arm: 'canary', retryAfterMs: 5000 }]);
    const degraded = ['canary keeps failing: the champion serves its share for a while.'];
    expect(rollout.describe().degraded).toEqual(degraded);
    expect(rollout.health()).toMatchObject({ status: 'degraded', ready: true, reasons: degraded });
    broken = false;
    await clock.advance(5000);
    expect((await send(20)).at(-1)).toBe('canary');
    expect(told('arm-close')).toHaveLength(1);
    expect(rollout.describe().degraded).toEqual([]);
    await rollout.close();
  });

  it('takes no evidence from requests that it keeps from the challenger', async () => {
    const { rollout, send } = await setUpRollout(
      { strategy: all, breaker: { failures: 3 }, lookEveryMs: 1e9 },
      { challenger: ill },
    );
    await send(40);
    const { evidence } = rollout.describe().arms[1] ?? {};
    expect(evidence?.requests).toBeLessThanOrEqual(8);
    await rollout.close();
  });
});
