import { describe, expect, it } from 'vitest';
import { scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { errorsGuardrail, latencyGuardrail } from './evidence/guardrails';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

describe('the rate of false promotions', () => {
  it('is what a promotion waits for: the smaller, the more evidence', async () => {
    const requestsUntilPromoted = async (maxFalsePromotionRate?: number): Promise<number> => {
      const { rollout, send } = await setUpRollout({
        strategy: canary({ steps: [{ weight: 0.5, minRequests: 1 }] }),
        guardrails: [errorsGuardrail({ margin: 0.3 })],
        ...(maxFalsePromotionRate === undefined ? {} : { maxFalsePromotionRate }),
      });
      let requests = 0;
      while (rollout.describe().status === 'running') {
        await send(20);
        requests += 20;
      }
      expect(rollout.describe().status).toBe('promoted');
      const [found] = rollout.describe().history.at(-1)?.evidence.arms.canary?.guardrails ?? [];
      expect(found?.nonInferiority.eValue).toBeGreaterThanOrEqual(1 / (maxFalsePromotionRate ?? 0.05));
      await rollout.close();
      return requests;
    };
    const byDefault = await requestsUntilPromoted();
    expect(await requestsUntilPromoted(0.05)).toBe(byDefault);
    expect(await requestsUntilPromoted(0.001)).toBeGreaterThan(byDefault);
  });

  it('is shown by a dry run, with what each guardrail has to reach', async () => {
    const clock = createVirtualClock();
    const { rollout } = await setUpRollout(
      {
        challengers: { a: scriptedRunner(clock, undefined, '2'), b: scriptedRunner(clock, undefined, '3') },
        guardrails: [errorsGuardrail({ margin: 0.02 }), latencyGuardrail()],
        maxFalseRollbackRate: 0.04,
        maxFalsePromotionRate: 0.1,
      },
      {},
      clock,
    );
    expect(rollout.dryRun()).toMatchObject({
      maxFalseRollbackRate: 0.04,
      maxFalsePromotionRate: 0.1,
      guardrails: [
        { guardrail: 'errors', margin: 0.02, alpha: 0.01, harmAt: 100, nonInferiorAt: 10 },
        { guardrail: 'latency', margin: 0.02, alpha: 0.01, harmAt: 100, nonInferiorAt: 10 },
      ],
    });
    await rollout.close();
    const unguarded = await setUpRollout({ guardrails: [] });
    expect(unguarded.rollout.dryRun()).toMatchObject({ maxFalsePromotionRate: 0.05, guardrails: [] });
    await unguarded.rollout.close();
  });
});
