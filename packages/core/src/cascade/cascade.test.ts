import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { failure, pairSignature, type Step, scriptedRunner } from '../resilience/scripted-runner.fixture';
import type { ModelRunner } from '../runner/runner';
import { collectInto, follow, rejection, rowsOf, thrownBy, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { type CascadeEventMap, type CascadeOptions, type CascadeResult, cascade } from './index';

/** The edge answers its input, so that a row [p, 1 - p] is its own probabilities; the cloud answers ten times as much. */
function setUp(
  options: Partial<CascadeOptions> = {},
  edgeScript: (call: number) => Step = () => ({}),
  cloudScript: (call: number) => Step = () => ({ afterMs: 20 }),
) {
  const clock = createVirtualClock();
  const edge = scriptedRunner(clock, edgeScript, '0');
  const cloud = scriptedRunner(clock, cloudScript, '1');
  const told: [keyof CascadeEventMap, unknown][] = [];
  const log: string[] = [];
  const listen = <K extends keyof CascadeEventMap>(name: K) => ({
    [name]: (event: CascadeEventMap[K]) => void told.push([name, event]),
  });
  const on = {
    ...listen('rows-escalate'),
    ...listen('escalation-refuse'),
    ...listen('cloud-fail'),
    ...listen('cloud-open'),
    ...listen('cloud-close'),
  };
  const runner = cascade({
    edge,
    cloud,
    escalate: { confidence: { threshold: 0.8 } },
    clock,
    on,
    logger: collectInto(log),
    ...options,
  });
  return { clock, edge, cloud, told, log, runner };
}

const rows = (...sure: number[]) => ({ x: rowsOf(...sure.map((p) => [p, 1 - p])) });
const numbers = ({ outputs }: CascadeResult) =>
  Array.from(outputs.y?.data as Float32Array, (value) => Math.round(value * 1000) / 1000);
const origins = ({ cascade: { rows: all } }: CascadeResult) => all.map(({ where, why }) => `${where} ${why}`);
const failing =
  (code: Parameters<typeof failure>[0], afterMs = 10) =>
  (): Step => ({ error: failure(code), afterMs });

/** A runner that cannot be touched without a cry. */
const untouchable = new Proxy(
  {},
  {
    get: (_target, key) => {
      throw new Error(`the cloud was touched: ${String(key)}`);
    },
    has: () => {
      throw new Error('the cloud was touched');
    },
    ownKeys: () => {
      throw new Error('the cloud was touched');
    },
  },
) as ModelRunner;

describe('confidence', () => {
  test('a sure row stays on the device, and the answer says so', async () => {
    const { clock, cloud, edge, runner } = setUp();
    const result = await until(runner.run(rows(0.9), { key: 'ada' }), clock);
    expect(numbers(result)).toEqual([0.9, 0.1]);
    expect(result.cascade.rows).toMatchObject([{ where: 'edge', why: 'confident' }]);
    expect(result.cascade.rows[0]?.confidence).toBeCloseTo(0.9);
    expect(result.cascade).toMatchObject({ escalated: 0, edge: { version: '0' } });
    expect(result.model.version).toBe('0');
    expect(edge.calls[0]?.options.key).toBe('ada');
    expect(cloud.calls).toHaveLength(0);
  });

  test('only the rows that need it go to the cloud, and the answer is joined in their order', async () => {
    const { clock, cloud, told, runner } = setUp();
    const given = rows(0.9, 0.5, 0.1, 0.7, 0.95);
    const pending = runner.run(given);
    given.x.data.fill(7);
    const result = await until(pending, clock);
    expect(numbers(result)).toEqual([0.9, 0.1, 5, 5, 0.1, 0.9, 7, 3, 0.95, 0.05]);
    expect(origins(result)).toEqual([
      'edge confident',
      'cloud unsure',
      'edge confident',
      'cloud unsure',
      'edge confident',
    ]);
    expect(result.cascade).toMatchObject({ escalated: 2, edge: { version: '0' }, cloud: { version: '1' } });
    expect(result.model.version).toBe('0');
    expect(result.timing).toEqual({ queueMs: 10, computeMs: 20 });
    expect(cloud.calls).toHaveLength(1);
    expect(cloud.calls[0]?.x.map((value) => Math.round(value * 100))).toEqual([50, 50, 70, 30]);
    expect(told).toEqual([['rows-escalate', { rows: 2, why: 'unsure' }]]);
    expect(runner.cascadeStats()).toMatchObject({
      requests: 1,
      failures: 0,
      sentRows: 2,
      rows: { edge: { confident: 3 }, cloud: { unsure: 2 } },
    });
  });

  test('where every row goes, the answer is the cloud model’s', async () => {
    const { clock, runner } = setUp();
    const result = await until(runner.run(rows(0.5, 0.6)), clock);
    expect(result.model.version).toBe('1');
    expect(result.cascade.edge).toBeUndefined();
    expect(numbers(result)).toEqual([5, 5, 6, 4]);
  });

  test('a row of NaN is not trusted', async () => {
    const { clock, runner } = setUp();
    const result = await until(runner.run(rows(0.9, Number.NaN)), clock);
    expect(origins(result)).toEqual(['edge confident', 'cloud unsure']);
  });

  test('scores that are no probabilities are told, not guessed at', async () => {
    const { clock, runner } = setUp();
    const error = await until(rejection(runner.run({ x: rowsOf([3, 4]) }), 'OUTPUT_INVALID'), clock);
    expect(error.message).toContain("set scores: 'logits'");
    const logits = setUp({ escalate: { confidence: { threshold: 0.9, scores: 'logits', temperature: 2 } } });
    const result = await until(logits.runner.run({ x: rowsOf([3, 4], [0, 8]) }), logits.clock);
    expect(origins(result)).toEqual(['cloud unsure', 'edge confident']);
    expect(result.cascade.rows[0]?.confidence).toBeCloseTo(1 / (1 + Math.exp(-0.5)));
  });

  test('a function of the user’s sees one row at a time', async () => {
    const seen: unknown[] = [];
    const { clock, runner } = setUp({
      escalate: {
        confidence: {
          threshold: 0.5,
          measure: ({ y }) => {
            seen.push([y?.shape, Array.from(y?.data as Float32Array)]);
            return Number(y?.data[0]);
          },
        },
      },
    });
    expect(origins(await until(runner.run({ x: rowsOf([1, 0], [0, 1]) }), clock))).toEqual([
      'edge confident',
      'cloud unsure',
    ]);
    expect(seen).toEqual([
      [
        [1, 2],
        [1, 0],
      ],
      [
        [1, 2],
        [0, 1],
      ],
    ]);
    const broken = setUp({
      escalate: {
        confidence: {
          threshold: 0.5,
          measure: () => {
            throw new Error('a bug');
          },
        },
      },
    });
    const error = await until(rejection(broken.runner.run(rows(1)), 'OUTPUT_INVALID'), broken.clock);
    expect(error.message).toContain('a bug');
    expect(broken.cloud.calls).toHaveLength(0);
  });

  test('without a rule the device answers', async () => {
    const { clock, cloud, runner } = setUp({ escalate: {} });
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['edge settled']);
    expect(cloud.calls).toHaveLength(0);
  });
});

describe('privacy', () => {
  test('local-only never touches the cloud, whatever happens', async () => {
    const connect = vi.fn();
    for (const cloud of [untouchable, connect, undefined]) {
      const { clock, runner } = setUp({
        ...(cloud === undefined ? {} : { cloud }),
        privacy: 'local-only',
        escalate: { confidence: { threshold: 0.8 }, latency: { hedgeAfterMs: 0 } },
      });
      const result = await until(runner.run(rows(0.5, 0.9), { privacy: 'cloud-allowed' }), clock);
      expect(origins(result)).toEqual(['edge local-only', 'edge confident']);
      expect(numbers(result)).toEqual([0.5, 0.5, 0.9, 0.1]);
      expect(runner.describe()).toMatchObject({
        privacy: 'local-only',
        cloud: 'none',
        rules: ['nothing leaves the device'],
      });
      await until(runner.close(), clock);
      expect(connect).not.toHaveBeenCalled();
    }
  });

  test('local-only never escalates a failure', async () => {
    const { clock, runner } = setUp({ cloud: untouchable, privacy: 'local-only' }, failing('RUN_FAILED'));
    await until(rejection(runner.run(rows(0.5)), 'RUN_FAILED'), clock);
  });

  test('one request can ask for it: unsure, slow or failing, it stays', async () => {
    const options = { escalate: { confidence: { threshold: 0.8 }, latency: { hedgeAfterMs: 1 } } };
    const { clock, cloud, told, runner } = setUp(options, (call) =>
      call === 1 ? { error: failure('RUN_FAILED') } : {},
    );
    const result = await until(runner.run(rows(0.5), { privacy: 'local-only' }), clock);
    expect(origins(result)).toEqual(['edge local-only']);
    await until(rejection(runner.run(rows(0.5), { privacy: 'local-only' }), 'RUN_FAILED'), clock);
    expect(cloud.calls).toHaveLength(0);
    expect(told.map(([name]) => name)).toEqual(['escalation-refuse', 'escalation-refuse']);
    expect(origins(await until(runner.run(rows(0.5)), clock))[0]).toContain('cloud');
  });

  test('a word that is none sends nothing', async () => {
    const { clock, edge, cloud, runner } = setUp();
    const options = { privacy: 'local_only' } as unknown as { privacy: 'local-only' };
    const error = await until(rejection(runner.run(rows(0.5), options), 'INVALID_ARGUMENT'), clock);
    expect(error.details).toMatchObject({ field: 'privacy', given: '"local_only"' });
    expect([edge.calls.length, cloud.calls.length]).toEqual([0, 0]);
  });
});

describe('budget', () => {
  test('the least sure rows go while it lasts; then the device’s answer stands and says so', async () => {
    const { clock, cloud, told, runner } = setUp({ budget: { rowsPerMinute: 6, burst: 2 } });
    const result = await until(runner.run(rows(0.7, 0.5, 0.9, 0.6)), clock);
    expect(origins(result)).toEqual(['edge budget', 'cloud unsure', 'edge confident', 'cloud unsure']);
    expect(numbers(result)).toEqual([0.7, 0.3, 5, 5, 0.9, 0.1, 6, 4]);
    expect(told).toContainEqual(['escalation-refuse', { rows: 1, why: 'budget' }]);
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['edge budget']);
    await clock.advance(10_000);
    expect(runner.describe().budget).toBe(1);
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['cloud unsure']);
    expect(cloud.calls).toHaveLength(2);
  });

  test('a share of all rows', async () => {
    const { clock, runner } = setUp({ budget: { share: 0.25, burst: 1 } });
    const sent: number[] = [];
    for (let index = 0; index < 12; index++) sent.push((await until(runner.run(rows(0.5)), clock)).cascade.escalated);
    expect(sent.reduce((sum, each) => sum + each, 0)).toBe(4);
    expect(sent[0]).toBe(1);
  });

  test('a device that fails needs it too, for all its rows or none', async () => {
    const { clock, cloud, runner } = setUp({ budget: { rowsPerMinute: 0, burst: 1 } }, failing('RUN_FAILED'));
    await until(rejection(runner.run(rows(0.9, 0.9)), 'RUN_FAILED'), clock);
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['cloud edge-failed']);
    await until(rejection(runner.run(rows(0.9)), 'RUN_FAILED'), clock);
    expect(cloud.calls).toHaveLength(1);
  });
});

describe('failure', () => {
  test('the cloud answers when the device fails', async () => {
    const { clock, told, runner } = setUp({}, failing('LANE_LOST'));
    const result = await until(runner.run(rows(0.9, 0.5)), clock);
    expect(origins(result)).toEqual(['cloud edge-failed', 'cloud edge-failed']);
    expect(result.model.version).toBe('1');
    expect(told).toEqual([['rows-escalate', { rows: 2, why: 'edge-failed' }]]);
  });

  test('what is the caller’s own fault goes nowhere', async () => {
    const { clock, edge, cloud, runner } = setUp({}, failing('INVALID_INPUT'));
    await until(rejection(runner.run(rows(0.9)), 'INVALID_INPUT'), clock);
    await until(rejection(runner.run({ x: new Float32Array(3) }), 'INVALID_INPUT'), clock);
    expect([edge.calls.length, cloud.calls.length]).toEqual([1, 0]);
    const off = setUp({ escalate: { failure: false } }, failing('RUN_FAILED'));
    await until(rejection(off.runner.run(rows(0.9)), 'RUN_FAILED'), off.clock);
    expect(off.cloud.calls).toHaveLength(0);
  });

  test('where both fail the device’s error stands, and listeners have the other', async () => {
    const { clock, told, runner } = setUp({}, failing('RUN_FAILED'), failing('REMOTE_FAILED'));
    await until(rejection(runner.run(rows(0.9)), 'RUN_FAILED'), clock);
    expect(told[1]).toMatchObject(['cloud-fail', { rows: 1, error: { code: 'REMOTE_FAILED' } }]);
    expect(runner.cascadeStats()).toMatchObject({ requests: 1, failures: 1, cloudFailures: 1 });
  });

  test('offline: the device’s answer stands, and after some failures nobody is asked for a while', async () => {
    let online = false;
    const { clock, cloud, told, runner } = setUp({}, undefined, () =>
      online ? { afterMs: 20 } : { afterMs: 5, error: failure('REMOTE_FAILED') },
    );
    const whys: (string | undefined)[] = [];
    for (let index = 0; index < 5; index++) whys.push(origins(await until(runner.run(rows(0.5)), clock))[0]);
    expect(whys).toEqual([
      'edge cloud-failed',
      'edge cloud-failed',
      'edge cloud-failed',
      'edge cloud-unavailable',
      'edge cloud-unavailable',
    ]);
    expect(cloud.calls).toHaveLength(3);
    expect(told).toContainEqual(['cloud-open', expect.objectContaining({ retryAfterMs: 10_000 })]);
    expect(runner.describe()).toMatchObject({ circuit: 'open' });
    online = true;
    await clock.advance(10_000);
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['cloud unsure']);
    expect(told.at(-1)?.[0]).toBe('cloud-close');
    expect(runner.describe()).toMatchObject({ circuit: 'closed', cloudRetryAfterMs: 0 });
  });

  test('it is warned of once where nobody listens', async () => {
    const { clock, log, runner } = setUp({ on: {}, circuit: { failures: 1 } }, undefined, failing('REMOTE_FAILED'));
    for (let index = 0; index < 3; index++) await until(runner.run(rows(0.5)), clock);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/^warn: The cloud keeps failing: .* answers alone for 10000 ms\.$/);
  });

  test('a cloud that is busy is left alone for as long as it asks', async () => {
    const { clock, cloud, runner } = setUp({}, undefined, (call) =>
      call === 0 ? { error: failure('OVERLOADED', { retryAfterMs: 500 }), afterMs: 1 } : {},
    );
    const why = async () => origins(await until(runner.run(rows(0.5)), clock))[0];
    expect(await why()).toBe('edge cloud-failed');
    expect(await why()).toBe('edge cloud-unavailable');
    expect(runner.describe()).toMatchObject({ circuit: 'closed' });
    await clock.advance(500);
    expect(await why()).toBe('cloud unsure');
    expect(cloud.calls).toHaveLength(2);
  });

  test('an answer that does not fit is no answer', async () => {
    const { clock, told, runner } = setUp({
      cloud: {
        ...scriptedRunner(createVirtualClock()),
        run: async () => ({
          outputs: { y: rowsOf([1, 2, 3]) },
          model: { name: 'odd', version: '1', digest: '' },
          timing: { queueMs: 0, computeMs: 0 },
          batchSize: 1,
        }),
      },
    });
    expect(origins(await until(runner.run(rows(0.5, 0.9)), clock))).toEqual(['edge cloud-failed', 'edge confident']);
    expect(told.at(-1)).toMatchObject(['cloud-fail', { error: { code: 'OUTPUT_INVALID' } }]);
    expect(origins(await until(runner.run(rows(0.5, 0.6)), clock))).toEqual(['edge cloud-failed', 'edge cloud-failed']);
  });
});

describe('latency', () => {
  const slow = { escalate: { latency: { hedgeAfterMs: 30 } } };

  test('a device that has not answered in time is overtaken by the cloud, and given up', async () => {
    const { clock, edge, told, runner } = setUp(slow, () => ({ afterMs: 1000 }));
    const outcome = follow(runner.run(rows(0.9)), clock);
    await clock.advance(60);
    expect(outcome).toMatchObject({ state: 'resolved', at: 50 });
    expect(origins(outcome.value as CascadeResult)).toEqual(['cloud edge-slow']);
    expect(outcome.value?.timing).toEqual({ queueMs: 30, computeMs: 20 });
    expect(edge.calls[0]?.options.signal?.aborted).toBe(true);
    expect(edge.inFlight).toBe(0);
    expect(told).toEqual([['rows-escalate', { rows: 1, why: 'edge-slow' }]]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a device that answers first gives the cloud up, and so does one that was fast', async () => {
    const { clock, cloud, runner } = setUp(slow, (call) => ({ afterMs: call === 0 ? 40 : 10 }));
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['edge settled']);
    expect(cloud.calls[0]?.options.signal?.aborted).toBe(true);
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['edge settled']);
    expect(runner.cascadeStats()).toMatchObject({ hedges: expect.any(Number), cloudFailures: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('a device that is known to be too slow has the cloud beside it from the start', async () => {
    const { clock, cloud, runner } = setUp(
      slow,
      () => ({ afterMs: 100 }),
      (call) => ({ afterMs: call < 1 ? 500 : 5 }),
    );
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['edge settled']);
    const begun = clock.now();
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['cloud edge-predicted-slow']);
    expect(cloud.calls[1]?.at).toBe(begun);
  });

  test('the deadline counts: what cannot be in time on the device is asked of the cloud at once', async () => {
    const { clock, runner } = setUp({ escalate: { latency: { hedgeAfterMs: 'learned' } } }, () => ({ afterMs: 100 }));
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['edge settled']);
    expect(origins(await until(runner.run(rows(0.9), { timeoutMs: 60 }), clock))).toEqual([
      'cloud edge-predicted-slow',
    ]);
  });

  test('rows that are unsure take the answer that is already under way', async () => {
    const { clock, cloud, runner } = setUp(
      { escalate: { confidence: { threshold: 0.8 }, latency: { hedgeAfterMs: 5 } } },
      () => ({ afterMs: 10 }),
      () => ({ afterMs: 50 }),
    );
    const result = await until(runner.run(rows(0.9, 0.5)), clock);
    expect(origins(result)).toEqual(['edge confident', 'cloud unsure']);
    expect(numbers(result)).toEqual([0.9, 0.1, 5, 5]);
    expect(cloud.calls).toHaveLength(1);
  });

  test('a cloud that fails first leaves the device its time', async () => {
    const { clock, runner } = setUp(slow, () => ({ afterMs: 100 }), failing('REMOTE_FAILED', 5));
    expect(origins(await until(runner.run(rows(0.9)), clock))).toEqual(['edge settled']);
    const both = setUp(slow, failing('RUN_FAILED', 40), () => ({ afterMs: 30 }));
    expect(origins(await until(both.runner.run(rows(0.9)), both.clock))).toEqual(['cloud edge-failed']);
  });

  test('without budget there is no hedge', async () => {
    const { clock, cloud, runner } = setUp({ ...slow, budget: { rowsPerMinute: 0, burst: 1 } }, () => ({
      afterMs: 100,
    }));
    expect(origins(await until(runner.run(rows(0.9, 0.9)), clock))).toEqual(['edge settled', 'edge settled']);
    expect(cloud.calls).toHaveLength(0);
  });
});

describe('time and aborts', () => {
  test('the device’s answer stands when the cloud does not come in time', async () => {
    const { clock, cloud, runner } = setUp({}, undefined, () => ({ hangs: true }));
    const patient = follow(runner.run(rows(0.5)), clock);
    const hasty = follow(runner.run(rows(0.5), { timeoutMs: 60 }), clock);
    await clock.advance(60);
    // 10 ms on the device, and a tenth of what is left is kept back.
    expect(hasty).toMatchObject({ state: 'resolved', at: 55 });
    expect(cloud.calls[1]?.options.deadline).toBe(55);
    expect(origins(hasty.value as CascadeResult)).toEqual(['edge cloud-failed']);
    await clock.advance(2000);
    expect(patient).toMatchObject({ state: 'resolved', at: 2010 });
    expect(cloud.inFlight).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a cloud that is too far for the time that is left is not asked', async () => {
    const { clock, cloud, runner } = setUp();
    for (let index = 0; index < 5; index++) await until(runner.run(rows(0.5)), clock);
    expect(origins(await until(runner.run(rows(0.5), { timeoutMs: 15 }), clock))).toEqual(['edge deadline']);
    expect(cloud.calls).toHaveLength(5);
  });

  test('a device that ignores the deadline does not hold anyone', async () => {
    const { clock, cloud, runner } = setUp({ escalate: {} }, () => ({ hangs: true }));
    const outcome = follow(runner.run(rows(0.5), { timeoutMs: 30 }), clock);
    await clock.advance(40);
    expect(outcome).toMatchObject({ at: 30, error: { code: 'DEADLINE_EXCEEDED' } });
    expect(cloud.calls).toHaveLength(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('an abort ends both sides and leaves no listener', async () => {
    for (const at of [5, 15]) {
      const { clock, edge, cloud, runner } = setUp();
      const controller = new AbortController();
      const outcome = follow(runner.run(rows(0.5), { signal: controller.signal }), clock);
      await clock.advance(at);
      controller.abort(new Error('enough'));
      await clock.settle();
      expect(outcome).toMatchObject({ at, error: { code: 'ABORTED', cause: { message: 'enough' } } });
      await clock.advance(100);
      expect(cloud.calls).toHaveLength(at === 5 ? 0 : 1);
      expect([edge.inFlight, cloud.inFlight, clock.pendingTimers]).toEqual([0, 0, 0]);
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
      expect(runner.cascadeStats()).toMatchObject({ cloudFailures: 0 });
    }
  });

  test('after an abort nothing is sent, even when the device answers all the same', async () => {
    const { clock, cloud, edge, runner } = setUp();
    const deaf = cascade({
      edge: { ...edge, run: (inputs, { signal: _, ...options } = {}) => edge.run(inputs, options) },
      cloud,
      escalate: { confidence: { threshold: 0.8 }, latency: { hedgeAfterMs: 8 } },
      clock,
    });
    const controller = new AbortController();
    const outcome = follow(deaf.run(rows(0.5), { signal: controller.signal }), clock);
    await clock.advance(5);
    controller.abort();
    await clock.advance(100);
    expect(outcome).toMatchObject({ at: 5, error: { code: 'ABORTED' } });
    expect(cloud.calls).toHaveLength(0);
    expect(runner.cascadeStats().requests).toBe(0);
  });
});

describe('connecting', () => {
  test('the cloud is connected to when it is first needed, once, and again after a failure', async () => {
    const clock = createVirtualClock();
    const cloud = scriptedRunner(clock, () => ({ afterMs: 5 }), '1');
    let online = false;
    const connect = vi.fn(async () => {
      if (!online) throw failure('REMOTE_FAILED');
      return cloud;
    });
    const { runner } = setUp({ edge: scriptedRunner(clock), cloud: connect, clock });
    await until(runner.run(rows(0.9)), clock);
    expect(connect).not.toHaveBeenCalled();
    expect(runner.describe().cloud).toBe('not connected');
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['edge cloud-failed']);
    online = true;
    const both = await until(Promise.all([runner.run(rows(0.5)), runner.run(rows(0.6))]), clock);
    expect(both.map(origins)).toEqual([['cloud unsure'], ['cloud unsure']]);
    expect(connect).toHaveBeenCalledTimes(2);
    expect(runner.describe().cloud).toMatchObject({ version: '1' });
    await until(runner.close(), clock);
    expect(cloud.closed).toBe(true);
  });

  test('a cloud with another signature is closed and not used', async () => {
    const clock = createVirtualClock();
    const other = { ...pairSignature, outputs: [{ name: 'z', dtype: 'float32' as const, shape: ['batch', 2] }] };
    const cloud = scriptedRunner(clock, undefined, '1', other);
    const { told, runner } = setUp({ edge: scriptedRunner(clock), cloud: () => cloud, clock });
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['edge cloud-failed']);
    expect(told.at(-1)).toMatchObject(['cloud-fail', { error: { code: 'SIGNATURE_MISMATCH' } }]);
    expect(cloud.closed).toBe(true);
    thrownBy(() => setUp({ cloud }), 'SIGNATURE_MISMATCH');
  });

  test('a connection that hangs is bounded, and closed when it comes after the close', async () => {
    const clock = createVirtualClock();
    const cloud = scriptedRunner(clock, undefined, '1');
    let arrive: (runner: ModelRunner) => void = () => {};
    const connect = () =>
      new Promise<ModelRunner>((resolve) => {
        arrive = resolve;
      });
    const { runner } = setUp({ edge: scriptedRunner(clock), cloud: connect, clock, cloudTimeoutMs: 100 });
    expect(origins(await until(runner.run(rows(0.5)), clock))).toEqual(['edge cloud-failed']);
    const closing = runner.close();
    await clock.settle();
    arrive(cloud);
    await until(closing, clock);
    expect(cloud.closed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('life', () => {
  test('closing waits for requests, closes both, and then takes no more', async () => {
    const { clock, edge, cloud, runner } = setUp();
    const last = follow(runner.run(rows(0.5)), clock);
    const closed = follow(runner.close(), clock);
    await clock.advance(29);
    expect(closed.state).toBe('pending');
    await clock.advance(10);
    expect([last.state, closed.state]).toEqual(['resolved', 'resolved']);
    expect([edge.closed, cloud.closed]).toEqual([true, true]);
    await rejection(runner.run(rows(0.5)), 'CLOSED');
  });

  test('it describes itself in plain words', () => {
    const { runner } = setUp({
      escalate: { confidence: { threshold: 0.8, measure: 'margin', temperature: 1.5 }, latency: { hedgeAfterMs: 30 } },
    });
    const description = runner.describe();
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
    expect(description).toMatchObject({
      privacy: 'cloud-allowed',
      cloud: { version: '1' },
      budget: 'unlimited',
      circuit: 'closed',
    });
    expect(description.rules).toEqual([
      'rows whose confidence (margin at temperature 1.5) is below 0.8 go to the cloud',
      'the cloud is asked beside a device that takes longer than 30 ms',
      'requests at which the device fails go to the cloud',
    ]);
  });

  test.each<[string, object]>([
    ['edge', { edge: 5 }],
    ['cloud', { cloud: undefined }],
    ['escalate.confidence.threshold', { escalate: { confidence: { threshold: 'high' } } }],
    ['escalate.confidence.measure', { escalate: { confidence: { threshold: 0.5, measure: 'vibes' } } }],
    ['escalate.confidence.temperature', { escalate: { confidence: { threshold: 0.5, temperature: 0 } } }],
    ['escalate.latency.hedgeAfterMs', { escalate: { latency: { hedgeAfterMs: -1 } } }],
    ['escalate.confidense', { escalate: { confidense: {} } }],
    ['budget', { budget: {} }],
    ['budget.share', { budget: { share: 2 } }],
    ['budget.burst', { budget: { share: 0.1, burst: 0 } }],
    ['privacy', { privacy: 'private' }],
    ['cloudTimeoutMs', { cloudTimeoutMs: 0 }],
    ['circuit.failures', { circuit: { failures: { share: 2, windowRequests: 3 } } }],
    ['output', { escalate: { confidence: { threshold: 0.5, output: 'z' } } }],
  ])('refuses a wrong %s', (field, options) => {
    expect(thrownBy(() => setUp(options), 'INVALID_OPTION').details.field).toBe(field);
  });
});
