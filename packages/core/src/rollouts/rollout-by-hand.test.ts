import { describe, expect, it } from 'vitest';
import { failure, pair } from '../resilience/scripted-runner.fixture';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

const steps = [
  { weight: 0.5, minRequests: 20 },
  { weight: 0.6, minRequests: 20 },
];
const eager = canary({ steps, promoteOn: 'no-harm' });

describe('a pause', () => {
  it('keeps the weights until it is over, and harm rolls back all the same', async () => {
    let broken = false;
    const { rollout, send } = await setUpRollout(
      { strategy: eager, breaker: { failures: 1e6 } },
      { challenger: () => (broken ? { error: failure('RUN_FAILED') } : {}) },
    );
    await rollout.pause({ actor: 'Ada', reason: 'Lunch.' });
    await send(200);
    expect(rollout.describe()).toMatchObject({ status: 'paused', weights: { canary: 0.5 } });
    await rollout.resume();
    await send(10);
    expect(rollout.describe().weights.canary).toBe(0.6);
    await rollout.pause();
    broken = true;
    await send(400);
    expect(rollout.describe().status).toBe('rolled-back');
    expect(rollout.describe().history.map(({ to }) => to)).toEqual([
      'running',
      'paused',
      'running',
      'running',
      'paused',
      'rolled-back',
    ]);
    await rollout.close();
  });
});

describe('an approval', () => {
  const asking = canary({ steps: steps.map((step) => ({ ...step, approval: true })), promoteOn: 'no-harm' });

  it('is waited for with the weights as they are, and then it goes on', async () => {
    const { rollout, send, told, log } = await setUpRollout({ strategy: asking });
    await send(100);
    expect(rollout.describe()).toMatchObject({ status: 'waiting-for-approval', weights: { canary: 0.5 } });
    expect(told('approval-request')).toHaveLength(1);
    expect(told('approval-request')[0]).toMatchObject({ rollout: 'digits', weights: { canary: 0.5 } });
    expect(log).toEqual([]);
    await rollout.approve({ actor: 'Ada', reason: 'Looks well.' });
    expect(rollout.describe()).toMatchObject({ status: 'running', weights: { canary: 0.6 } });
    await send(100);
    await rollout.approve();
    expect(rollout.describe()).toMatchObject({ status: 'promoted', promoted: 'canary' });
    await rollout.close();
  });

  it.each([
    [true, 'promoted'],
    [false, 'rolled-back'],
  ] as const)('is asked of onApproval: %s leads to %s', async (granted, status) => {
    const asked: string[] = [];
    const { rollout, send } = await setUpRollout({
      strategy: asking,
      onApproval: ({ reason }) => {
        asked.push(reason);
        return granted;
      },
    });
    await send(100);
    await send(100);
    expect(rollout.describe().status).toBe(status);
    expect(asked).toHaveLength(granted ? 2 : 1);
    await rollout.close();
  });

  it('that cannot be asked for is said aloud, and waited for', async () => {
    const { rollout, send, log } = await setUpRollout({
      strategy: asking,
      onApproval: () => Promise.reject(new Error('The chat is down.')),
    });
    await send(100);
    expect(rollout.describe().status).toBe('waiting-for-approval');
    expect(log.join()).toContain('The chat is down.');
    await rollout.close();
  });
});

describe('by hand', () => {
  it('promotes whatever the evidence, and rolls back what was promoted', async () => {
    const { rollout, send } = await setUpRollout();
    await rollout.promote({ reason: 'We know it.' });
    expect(new Set(await send(20))).toEqual(new Set(['canary']));
    await rollout.rollback({ reason: 'We did not.' });
    expect(new Set(await send(20))).toEqual(new Set(['champion']));
    expect(rollout.rolloutStats().decisions).toMatchObject({ promote: 1, rollback: 1 });
    await rollout.close();
  });

  it('starts nothing while it cools down, and begins with new evidence afterwards', async () => {
    const { rollout, send, clock } = await setUpRollout({ coolDownMs: 60_000 });
    await send(100);
    await rollout.rollback();
    const refused = await rollout.start().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'CONFLICT', details: { retryAfterMs: 60_000 } });
    await clock.advance(60_000);
    await rollout.start({ actor: 'Ada', reason: 'Once more.' });
    const { status, arms, history } = rollout.describe();
    expect(status).toBe('running');
    expect(arms.find(({ arm }) => arm === 'canary')?.evidence?.requests).toBe(0);
    expect(history.at(-1)).toMatchObject({ from: 'rolled-back', to: 'running', actor: 'Ada', reason: 'Once more.' });
    await rollout.close();
  });

  it('aborts without a cool-down', async () => {
    const { rollout } = await setUpRollout();
    await rollout.abort();
    expect(rollout.describe()).toMatchObject({ status: 'aborted', weights: { champion: 1 } });
    await rollout.start();
    expect(rollout.describe().status).toBe('running');
    await rollout.close();
  });

  it('waits for start() where it is told to', async () => {
    const { rollout, send } = await setUpRollout({ autoStart: false });
    expect(new Set(await send(20))).toEqual(new Set(['champion']));
    expect(rollout.describe().status).toBe('idle');
    await rollout.start();
    expect(rollout.describe().weights.canary).toBe(0.1);
    await rollout.close();
  });

  it.each([
    ['start', 'CONFLICT'],
    ['resume', 'CONFLICT'],
    ['approve', 'CONFLICT'],
  ] as const)('refuses %s() on a rollout that runs', async (verb, code) => {
    const { rollout } = await setUpRollout();
    await expect(rollout[verb]()).rejects.toMatchObject({ code, details: { field: 'status', given: 'running' } });
    await rollout.close();
  });

  it.each(['rollback', 'abort', 'pause', 'promote'] as const)('refuses %s() on one that is over', async (verb) => {
    const { rollout } = await setUpRollout();
    await rollout.abort();
    await expect(rollout[verb]()).rejects.toMatchObject({ code: 'CONFLICT', details: { given: 'aborted' } });
    await rollout.close();
  });

  it('refuses to promote an arm that there is not', async () => {
    const { rollout } = await setUpRollout();
    await expect(rollout.promote({ arm: 'other' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'arm', expected: 'one of canary', given: 'other' },
    });
    await rollout.close();
  });
});

describe('a dry run', () => {
  it('shows the steps and their control slices, and changes nothing', async () => {
    const { rollout, champion } = await setUpRollout({ autoStart: false });
    const { steps: planned, strategy } = rollout.dryRun();
    expect(strategy).toBe('canary');
    expect(planned.map(({ weights, controlShare }) => [weights.canary, controlShare])).toEqual([
      [0.1, 0.1],
      [0.5, 0.5],
    ]);
    expect(rollout.describe()).toMatchObject({ status: 'idle', history: [] });
    expect(champion.calls).toEqual([]);
    await rollout.close();
  });
});

describe('closing', () => {
  it('waits for requests under way, closes every arm and takes no more', async () => {
    const { rollout, clock, champion, challenger } = await setUpRollout();
    const running = rollout.run(pair());
    const closing = rollout.close();
    await expect(rollout.run(pair())).rejects.toMatchObject({ code: 'CLOSED' });
    await clock.advance(20);
    await closing;
    expect((await running).outputs.y?.data.length).toBe(2);
    expect([champion.closed, challenger.closed]).toEqual([true, true]);
    expect(rollout.health()).toMatchObject({ status: 'closed', ready: false });
    expect(clock.pendingTimers).toBe(0);
    await rollout.close();
  });
});
