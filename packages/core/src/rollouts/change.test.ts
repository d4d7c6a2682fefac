import { expect, test } from 'vitest';
import { failure, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

const decisions = (rollout: Awaited<ReturnType<typeof setUpRollout>>['rollout']) =>
  rollout.describe().history.map(({ decision }) => decision);

test('says what each entry of a history was', async () => {
  const { rollout, send } = await setUpRollout({
    strategy: canary({
      steps: [
        { weight: 0.3, minRequests: 20, approval: true },
        { weight: 0.4, minRequests: 20 },
        { weight: 0.5, minRequests: 1e6 },
      ],
    }),
  });
  await rollout.pause();
  await rollout.resume();
  await send(200);
  await rollout.approve({ actor: 'ann' });
  await send(200);
  expect(decisions(rollout)).toEqual(['start', 'pause', 'resume', 'wait-for-approval', 'approve', 'step']);
  await rollout.rollback();
  expect(decisions(rollout).at(-1)).toBe('rollback');
  await rollout.close();
});

test('tells what guardrails do from what is asked for, and a new start', async () => {
  const clock = createVirtualClock();
  const { rollout, send } = await setUpRollout(
    { strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e6 }] }), coolDownMs: 0 },
    { challenger: (call) => (call % 2 === 0 ? { error: failure('RUN_FAILED') } : {}) },
    clock,
  );
  await send(300);
  expect(decisions(rollout)).toEqual(['start', 'rollback']);
  await rollout.start();
  await rollout.abort();
  expect(decisions(rollout).slice(2)).toEqual(['start', 'abort']);
  await rollout.close();
});

test('says where one challenger of several left, and the others went on', async () => {
  const clock = createVirtualClock();
  const bad = scriptedRunner(clock, (call) => (call % 2 === 0 ? { error: failure('RUN_FAILED') } : {}), '3');
  const { rollout, send } = await setUpRollout(
    {
      strategy: canary({ steps: [{ weight: 0.3, minRequests: 1e6 }] }),
      challengers: { bad, good: scriptedRunner(clock, undefined, '2') },
    },
    {},
    clock,
  );
  await send(400);
  expect(decisions(rollout)).toEqual(['start', 'drop']);
  expect(rollout.describe()).toMatchObject({ status: 'running', weights: { good: 0.3 } });
  await rollout.close();
});
