import { expect, test } from 'vitest';
import { failure } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { decisionOf } from './decision-of';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

const decisions = (rollout: Awaited<ReturnType<typeof setUpRollout>>['rollout']) =>
  rollout.describe().history.map(decisionOf);

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

test('tells one challenger that leaves from a rollout that goes back', async () => {
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
  const entry = { from: 'running', to: 'running', actor: 'guardrail', evidence: { arms: {} } } as const;
  expect(decisionOf(entry)).toBe('drop');
  expect(decisionOf({ ...entry, from: 'paused', to: 'paused' })).toBe('drop');
  // Takes the place of a rollout of other models that the store still had as running.
  expect(decisionOf({ ...entry, actor: 'strategy' })).toBe('start');
});
