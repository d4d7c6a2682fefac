import { describe, expect, test } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { failure, pair, type Step, scriptedRunner } from '../../resilience/scripted-runner.fixture';
import type { RunnerHealth } from '../../runner/runner';
import { createVirtualClock } from '../../testing/virtual-clock';
import { setUpRollout } from '../rollout.fixture';
import { canary } from '../strategies/canary';
import { shadow } from '../strategies/shadow';
import { createShadow } from './create-shadow';
import type { ShadowOptions } from './options';
import type { Shadow } from './shadow';

type Scripts = { readonly champion?: (call: number) => Step; readonly shadow?: (call: number) => Step };

function setUp(options: Partial<ShadowOptions> = {}, scripts: Scripts = {}, versions = ['1', '1']) {
  const clock = createVirtualClock();
  const champion = scriptedRunner(clock, scripts.champion ?? (() => ({ afterMs: 2 })), versions[0]);
  const challenger = scriptedRunner(clock, scripts.shadow ?? (() => ({ afterMs: 20 })), versions[1]);
  const mirror = createShadow({ champion, shadow: challenger, clock, ...options });
  let ids = 0;
  /** What a rollout does with one request. */
  const request = async (inputs = pair(ids, 1), runOptions = {}): Promise<void> => {
    const trace = { decisionId: `d${ids++}`, arm: 'champion', propensity: 1, answeredBy: 'champion' };
    mirror.onRequest?.(trace, inputs, runOptions);
    try {
      mirror.onAnswer?.(trace, { ...(await champion.run(inputs)), rollout: trace });
    } catch (error) {
      mirror.onFailure?.(trace, error);
    }
  };
  /** So many requests, one each millisecond. */
  const send = async (requests: number, runOptions = {}): Promise<void> => {
    for (let sent = 0; sent < requests; sent++) {
      void request(undefined, runOptions);
      await clock.advance(1);
    }
  };
  return { clock, champion, challenger, mirror, request, send };
}

const excessOf = (mirror: Shadow, measure: string) =>
  mirror.describe().disagreements.find((each) => each.measure === measure)?.excess;

describe('a shadow', () => {
  test('compares in runs, and keeps within its share of time', async () => {
    const { send, mirror, challenger, clock } = setUp({
      budget: { timeShare: 0.02, overlapShare: 1, maxRequests: 10 },
    });
    await send(20_000);
    const stats = mirror.stats();
    // Twenty milliseconds a run for ten comparisons, and two for the champion's second answer to one or two of them.
    expect(stats.comparisons).toBeGreaterThanOrEqual(150);
    expect(stats.noiseComparisons).toBe(Math.ceil(stats.comparisons / 8));
    expect(stats.timeShare).toBeLessThanOrEqual(0.02 + 24 / 20_000);
    expect(stats.timeShare).toBeGreaterThan(0.018);
    expect(stats.failures).toBe(0);
    expect(stats.requests).toBe(20_000);
    expect(stats.mirrored + Object.values(stats.shed).reduce((sum, count) => sum + count, 0)).toBe(20_000);
    expect(challenger.calls.every(({ options }) => options.priority === 'low')).toBe(true);
    expect(challenger.mostInFlight).toBe(10);
    await clock.advance(10);
    await mirror.close();
    expect(clock.pendingTimers).toBe(0);
    expect(challenger.closed).toBe(false);
  });

  test('begins when the last request has its answer, and is over before the next comes', async () => {
    // One request each 10 ms, which takes the champion 2; a run takes the shadow 6.
    const { request, mirror, challenger, clock } = setUp({}, { shadow: () => ({ afterMs: 6 }) });
    for (let sent = 0; sent < 3000; sent++) {
      void request();
      await clock.advance(10);
    }
    const { comparisons, overlapped, timeShare } = mirror.stats();
    expect(overlapped).toBe(0);
    expect(new Set(challenger.calls.map(({ at }) => at % 10))).toEqual(new Set([2]));
    // By the share of time alone: 600 ms, in runs of several that take six together.
    expect(timeShare).toBeGreaterThan(0.018);
    expect(comparisons).toBeGreaterThan(400);
  });

  test.each([
    // A run is over four milliseconds after a request, six before the next: time for one second answer after another.
    { championMs: 1, shadowMs: 3, at: [4, 5, 6, 7] },
    // Three milliseconds are left, and the champion takes four: at the begin of a later lull.
    { championMs: 4, shadowMs: 3, at: [4] },
    // Two are left, so a later lull is waited for, and has room for a second one.
    { championMs: 2, shadowMs: 6, at: [2, 4] },
  ])(
    'asks the champion again in the lull of the run where there is time: $championMs beside $shadowMs ms',
    async (each) => {
      const { request, mirror, champion, clock } = setUp(
        {},
        { champion: () => ({ afterMs: each.championMs }), shadow: () => ({ afterMs: each.shadowMs }) },
      );
      for (let sent = 0; sent < 3000; sent++) {
        void request();
        await clock.advance(10);
      }
      const again = champion.calls.map(({ at }) => at % 10).filter((at) => at !== 0);
      expect(again.length).toBe(mirror.stats().noiseComparisons);
      expect(again.length).toBeGreaterThan(40);
      // What the champion takes is not known the first time.
      expect(new Set(again.slice(1))).toEqual(new Set(each.at));
      expect(mirror.stats().overlapped).toBe(0);
    },
  );

  test('makes large runs where requests come at random, and meets no more of them than its share', async () => {
    // A hundred a second, each of 2 ms; a run takes the shadow 8 ms, however many share it.
    const { request, mirror, clock } = setUp({}, { shadow: () => ({ afterMs: 8 }) });
    const random = createRandom(20_264);
    for (let sent = 0; sent < 6000; sent++) {
      void request();
      await clock.advance(-10 * Math.log(1 - random()));
    }
    const { overlapped, comparisons } = mirror.stats();
    expect(overlapped).toBeLessThanOrEqual(0.005 * 6000 + 5);
    // By one request at a time it would be two or three for each that is met.
    expect(comparisons).toBeGreaterThan(10 * overlapped);
    expect(comparisons).toBeGreaterThan(300);
  });

  test('that fits into no lull meets no more requests than its share', async () => {
    const { request, mirror, clock } = setUp({}, { shadow: () => ({ afterMs: 45 }) });
    for (let sent = 0; sent < 12_000; sent++) {
      void request();
      await clock.advance(10);
    }
    const { overlapped, overlapShare, comparisons, requests } = mirror.stats();
    expect(overlapShare).toBe(overlapped / requests);
    // And what the last run met, which is not paid for yet.
    expect(overlapped).toBeLessThanOrEqual(0.005 * 12_000 + 5);
    expect(overlapped).toBeGreaterThan(40);
    // Where it meets requests anyway, as many as may be share a run.
    expect(comparisons).toBeGreaterThan(32 * 4);
  });

  test('takes any moment in which nobody waits, where traffic leaves no lull', async () => {
    const { send, mirror, challenger } = setUp();
    await send(900);
    expect(challenger.calls.length).toBe(0);
    await send(9100);
    const { comparisons, overlapShare } = mirror.stats();
    expect(comparisons).toBeGreaterThanOrEqual(64);
    // And what the last run met: those of its 20 ms, and three that were under way.
    expect(overlapShare).toBeLessThanOrEqual(0.005 + 30 / 10_000);
  });

  test('finds that models answer the same, and that they do not', async () => {
    const same = setUp({ budget: { timeShare: 0.5, overlapShare: 1 } });
    await same.send(5000);
    expect(excessOf(same.mirror, 'tolerance')?.difference).toBe(0);
    const other = setUp({ budget: { timeShare: 0.5, overlapShare: 1 } }, {}, ['1', '2']);
    await other.send(5000);
    expect(excessOf(other.mirror, 'tolerance')?.difference).toBe(1);
    expect(excessOf(other.mirror, 'tolerance')?.lower).toBeGreaterThan(0.5);
    // Ten times as large keeps the order.
    expect(excessOf(other.mirror, 'top')?.difference).toBe(0);
  });

  test('keeps its own copies: what callers do with their arrays afterwards changes nothing', async () => {
    const { clock, champion, challenger, mirror } = setUp();
    const inputs = pair(3, 4);
    const trace = { decisionId: 'd', arm: 'champion', propensity: 1, answeredBy: 'champion' };
    mirror.onRequest?.(trace, inputs, {});
    const answering = champion.run(inputs);
    inputs.x.fill(99);
    await clock.advance(2);
    const answer = await answering;
    mirror.onAnswer?.(trace, { ...answer, rollout: trace });
    const given = answer.outputs.y?.data;
    if (given instanceof Float32Array) given.fill(-1);
    await clock.advance(1000);
    expect(challenger.calls.map(({ x }) => x)).toEqual([[3, 4]]);
    expect(mirror.stats()).toMatchObject({ comparisons: 1, failures: 0 });
    expect(excessOf(mirror, 'tolerance')?.difference).toBe(0);
  });

  test('that fails, hangs or is full hurts nobody, and is counted', async () => {
    const heard: string[] = [];
    const { send, mirror, clock } = setUp(
      { budget: { timeShare: 1, maxRequests: 3 }, timeoutMs: 50, on: { 'shadow-fail': () => heard.push('fail') } },
      {
        shadow: (call) =>
          call % 3 === 0 ? { error: failure('RUN_FAILED') } : call % 3 === 1 ? { error: failure('OVERLOADED') } : {},
      },
    );
    await send(3);
    await clock.advance(500);
    expect(mirror.stats()).toMatchObject({ comparisons: 1, failures: 1, shed: { refused: 1 } });
    expect(mirror.describe().lastError).toBe('Scripted RUN_FAILED.');
    expect(heard).toEqual(['fail']);
  });

  test('waits while requests wait for the champion, and rests when the champion refuses one', async () => {
    const { send, mirror, clock, champion, challenger } = setUp(
      {},
      {
        champion: (call) => (call === 5 ? { error: failure('OVERLOADED'), afterMs: 1 } : { afterMs: 1 }),
      },
    );
    let queued = 4;
    const health = (): RunnerHealth => ({
      status: 'ready',
      ready: true,
      reasons: [],
      model: champion.model,
      lanes: { alive: 1, total: 1 },
      queue: { requests: queued, rows: queued, bytes: 0, batchesInFlight: 1 },
      sinceEpochMs: 0,
    });
    champion.health = health;
    await send(3);
    await clock.advance(1000);
    expect(challenger.calls.length).toBe(0);
    expect(mirror.stats().postponed).toBeGreaterThan(5);
    queued = 0;
    await clock.advance(2000);
    expect(mirror.stats().comparisons).toBe(3);
    await send(3);
    // The second of those was refused, after one that the champion was asked again: for a second none is copied.
    const { mirrored } = mirror.stats();
    await send(500);
    expect(mirror.stats()).toMatchObject({ mirrored, shed: { busy: 501 } });
    await send(600);
    expect(mirror.stats().mirrored).toBeGreaterThan(mirrored);
  });

  test('copies no more than it has room for', async () => {
    const { send, mirror } = setUp({ budget: { maxBytes: 40 } });
    await send(20);
    // Eight bytes of inputs each, and as much for the answer.
    expect(mirror.stats()).toMatchObject({ mirrored: 2, shed: { bytes: 18 } });
  });

  test('keeps local-only requests local', async () => {
    const { send, challenger, clock } = setUp();
    await send(1, { privacy: 'local-only', key: 'user', timeoutMs: 5 });
    await clock.advance(500);
    expect(challenger.calls[0]?.options).toEqual({ privacy: 'local-only', priority: 'low', timeoutMs: 30_000 });
  });

  test.each([
    ['budget.timeShare', { budget: { timeShare: 0 } }],
    ['budget.timeShare', { budget: { timeShare: 2 } }],
    ['budget.overlapShare', { budget: { overlapShare: 0 } }],
    ['budget.maxRequests', { budget: { maxRequests: 0 } }],
    ['noiseEvery', { noiseEvery: -1 }],
    ['shadow', { shadow: undefined }],
  ])('refuses %s that is wrong', (field, options) => {
    expect(() => setUp(options as unknown as Partial<ShadowOptions>)).toThrow(field);
  });

  test('refuses a model of another signature', () => {
    const clock = createVirtualClock();
    const signature = { inputs: [], outputs: [], batchAxis: 0 };
    const other = scriptedRunner(clock, undefined, '2', signature);
    expect(() => createShadow({ champion: scriptedRunner(clock), shadow: other, clock })).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_MISMATCH' }),
    );
  });
});

describe('the strategy', () => {
  const mirrored = async (
    versions: readonly [string, string],
    strategyOptions: Partial<Parameters<typeof shadow>[0]> = {},
  ) => {
    const clock = createVirtualClock();
    const champion = scriptedRunner(clock, () => ({ afterMs: 2 }), versions[0]);
    const challenger = scriptedRunner(clock, () => ({ afterMs: 20 }), versions[1]);
    const mirror = createShadow({ champion, shadow: challenger, clock, budget: { timeShare: 0.5, overlapShare: 1 } });
    const strategy = shadow({ mirror, minComparisons: 50, ...strategyOptions });
    const setup = await setUpRollout(
      { champion, challengers: { canary: challenger }, strategy, observers: [mirror] },
      {},
      clock,
    );
    return { ...setup, mirror };
  };

  test('serves everybody by the champion, and says how it stands', async () => {
    const { send, rollout, mirror } = await mirrored(['1', '2']);
    const ends = await send(2000);
    expect(new Set(ends)).toEqual(new Set(['champion']));
    expect(mirror.stats().comparisons).toBeGreaterThan(50);
    expect(rollout.describe()).toMatchObject({
      status: 'running',
      weights: { champion: 1, canary: 0 },
      reason: expect.stringMatching(/^\d+ comparisons: tolerance disagrees by 1 \(/),
    });
    await rollout.promote();
    expect(new Set(await send(5))).toEqual(new Set(['canary']));
  });

  test('goes on to a canary, when answers are shown to be alike', async () => {
    const { send, rollout, told } = await mirrored(['1', '1'], {
      maxExcess: { top: 0.5 },
      next: canary({ steps: [{ weight: 0.5, minRequests: 20 }] }),
    });
    expect(rollout.dryRun()).toMatchObject({ strategy: 'shadow, then canary', steps: [{}, {}] });
    await send(8000);
    expect(told('rollout-change').map(({ to, weights }) => [to, weights.canary])).toEqual([
      ['running', 0],
      ['running', 0.5],
      ['promoted', 1],
    ]);
  });

  test('rolls back what answers otherwise, before anybody got it', async () => {
    const { send, rollout, told } = await mirrored(['1', '2'], { maxExcess: { tolerance: 0.01 }, next: canary() });
    const ends = await send(4000);
    expect(new Set(ends)).toEqual(new Set(['champion']));
    expect(rollout.describe().status).toBe('rolled-back');
    expect(told('rollout-change').at(-1)?.reason).toMatch(/tolerance disagrees by 1 .* where 0.01 is let pass/);
  });

  test('refuses options that are wrong', async () => {
    expect(() => shadow({ mirror: {} as Shadow })).toThrow('mirror');
    for (const [compare, field] of [
      [{ tolerance: { absolute: Number.NaN } }, 'compare.tolerance.absolute'],
      [{ tolerance: { relative: -1 } }, 'compare.tolerance.relative'],
      [{ tolerance: 0.1 }, 'compare.tolerance'],
      [{ tolerances: {} }, 'compare.tolerances'],
      [{ scores: 'none of it' }, 'compare.scores'],
    ] as const) {
      const wrong = { compare } as unknown as Parameters<typeof setUp>[0];
      expect(() => setUp(wrong)).toThrow(`"${field}" is wrong`);
    }
    const { mirror } = setUp();
    expect(() => shadow({ mirror, maxExcess: { top: 2 } })).toThrow('maxExcess.top');
    // One mirror asks one model: what it finds says nothing of another one.
    expect(() => shadow({ mirror }).start(['a', 'b'], 0)).toThrow('exactly one challenger');
  });
});
