import { describe, expect, it } from 'vitest';
import { createEvents } from '../../events';
import { createRegistry, toOpenMetrics } from '../../metrics';
import { createTensor } from '../../tensor/tensor';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createDriftMonitor } from '../drift-monitor';
import { fitReference } from '../fit-reference';
import { createRandom } from '../random';
import type { Alert, AlertNotification } from './alert';
import { callbackSink } from './callback-sink';
import { instrumentAlerts } from './instrument-alerts';
import { routeAlerts } from './route-alerts';
import type { AlertRouterOptions } from './router-options';
import type { AlertSink } from './sink';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

interface Told {
  'drift-start': { readonly episode: { readonly id: string; readonly startedAtMs: number }; readonly report: unknown };
  'drift-end': { readonly episode: { readonly id: string }; readonly reason: string };
  'state-change': { readonly from: string; readonly to: string };
}

/** A monitor that says what it is told to. */
function createSource(report?: () => unknown) {
  const events = createEvents<Told>(silent);
  const start = (id: string, model = 'digits', startedAtMs = 1_700_000_000_000): void => {
    events.emit('state-change', { from: 'ok', to: 'drift' });
    const reported = {
      model: { name: model, version: '2', digest: 'd' },
      evidenceLog10: 7.5,
      alarmLevelLog10: 6,
      topMovers: [
        {
          name: 'age',
          share: 0.75,
          psi: 0.4,
          ks: 0.3,
          meanShift: -1.5,
          topBins: [{ kind: 'range', above: null, upTo: 20, referenceShare: 0.1, windowShare: 0.6, psi: 0.9 }],
        },
      ],
    };
    events.emit('drift-start', { episode: { id, startedAtMs }, report: reported });
  };
  const end = (id: string): void => {
    events.emit('state-change', { from: 'drift', to: 'ok' });
    events.emit('drift-end', { episode: { id }, reason: 'recovered' });
  };
  const move = (from: string, to: string): void => events.emit('state-change', { from, to });
  return { monitor: { events, ...(report !== undefined && { report }) }, start, end, move };
}

function setUp(options: Partial<AlertRouterOptions> = {}, sources = [createSource()]) {
  const clock = createVirtualClock();
  const notifications: AlertNotification[] = [];
  const sink: AlertSink = {
    name: 'test',
    async deliver(notification) {
      notifications.push(notification);
      return 'delivered';
    },
  };
  const router = routeAlerts(
    sources.map(({ monitor }) => monitor),
    { sinks: [sink], clock, logger: silent, ...options },
  );
  const told = (): (readonly [string, string])[] =>
    notifications.flatMap(({ alerts }) => alerts.map(({ id, reason }) => [id, reason] as const));
  return { clock, router, notifications, told, source: sources[0] as ReturnType<typeof createSource>, sources };
}

const alertsOf = (notifications: readonly AlertNotification[]): readonly Alert[] =>
  notifications.flatMap(({ alerts }) => alerts);

describe('routeAlerts', () => {
  it('tells the start and the end of an episode, in one form and in words', async () => {
    const { clock, source, notifications } = setUp();
    source.start('drift-1');
    expect(notifications).toEqual([]);
    await clock.settle();
    const [start] = alertsOf(notifications);
    expect(start).toMatchObject({
      id: 'drift-1',
      source: 'monitor',
      kind: 'drift',
      state: 'firing',
      severity: 'critical',
      reason: 'start',
      sequence: 0,
      model: { name: 'digits', version: '2' },
      evidenceLog10: 7.5,
      alarmLevelLog10: 6,
      startedAtMs: 1_700_000_000_000,
      endedAtMs: null,
      title: 'Drift of digits@2, most in age',
    });
    expect(start?.features).toMatchObject([{ name: 'age', share: 0.75, meanShift: -1.5, bins: [{ upTo: 20 }] }]);
    expect(start?.text).toContain('75 % of the evidence, mean −1.50 deviations');
    expect(start?.text).toContain('up to 20: 10 % before, 60 % now');
    expect(start?.text).toContain('What to do: ');
    expect(JSON.parse(JSON.stringify(start))).toEqual(start);
    await clock.advance(3 * 3_600_000);
    source.end('drift-1');
    await clock.settle();
    const end = alertsOf(notifications)[1];
    expect(end).toMatchObject({
      id: 'drift-1',
      state: 'resolved',
      reason: 'end',
      sequence: 1,
      features: start?.features,
    });
    expect(end?.endedAtMs).toBe(clock.epochMs());
    expect(end?.text).toContain('is over after 3.0 hours');
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes the alarms of a real drift monitor, with its report and reference', async () => {
    const clock = createVirtualClock();
    const random = createRandom(5);
    const rows = (count: number, shift: number) => ({
      x: createTensor(
        'float32',
        [count, 2],
        Float32Array.from({ length: count * 2 }, () => random() + shift),
      ),
    });
    const reference = await fitReference(rows(2000, 0), { featureNames: ['a', 'b'] });
    const monitor = createDriftMonitor({ reference, windowRows: 200, clock, logger: silent });
    const seen: { alert: Alert; report: unknown }[] = [];
    const router = routeAlerts(
      { monitor, name: 'inputs' },
      { sinks: [callbackSink((alert, { report }) => seen.push({ alert, report }))], clock, logger: silent },
    );
    for (let i = 0; i < 10; i++) monitor.observe(rows(100, 0.8));
    expect(seen).toEqual([]);
    await clock.settle();
    expect(seen).toHaveLength(1);
    expect(seen[0]?.alert).toMatchObject({ id: monitor.report().episode?.id, source: 'inputs', kind: 'drift' });
    expect(seen[0]?.alert.features.map(({ name }) => name).sort()).toEqual(['a', 'b']);
    expect(seen[0]?.report).toMatchObject({ state: 'drift' });
    await router.close();
  });

  it('tells each episode once, however often it is raised', async () => {
    const { clock, source, told, router } = setUp();
    source.start('drift-1');
    source.start('drift-1');
    await clock.settle();
    source.start('drift-1');
    await clock.settle();
    expect(told()).toEqual([['drift-1', 'start']]);
    expect(router.health()).toMatchObject({ deduplicated: 2, active: 1 });
    source.end('never begun');
    await clock.settle();
    expect(told()).toHaveLength(1);
  });

  it('keeps episodes of two monitors apart though their ids are the same', async () => {
    const { clock, told, sources, notifications } = setUp({}, [createSource(), createSource()]);
    for (const source of sources) source.start('drift-1');
    await clock.settle();
    expect(told()).toHaveLength(2);
    expect(alertsOf(notifications).map(({ source }) => source)).toEqual(['monitor', 'monitor-2']);
  });

  it('reminds while an episode lasts, with what the monitor says by then', async () => {
    let evidenceLog10 = 8;
    const source = createSource(() => ({ evidenceLog10, topMovers: [] }));
    const { clock, notifications, told } = setUp({ repeatMs: 60_000 }, [source]);
    source.start('drift-1');
    await clock.advance(59_999);
    expect(told()).toHaveLength(1);
    await clock.advance(1);
    evidenceLog10 = 9;
    await clock.advance(60_000);
    expect(alertsOf(notifications).map((alert) => [alert.reason, alert.sequence, alert.evidenceLog10])).toEqual([
      ['start', 0, 7.5],
      ['reminder', 1, 8],
      ['reminder', 2, 9],
    ]);
    source.end('drift-1');
    await clock.advance(600_000);
    expect(told().at(-1)).toEqual(['drift-1', 'end']);
    expect(told()).toHaveLength(4);
    expect(clock.pendingTimers).toBe(0);
  });

  it('delivers alerts of one turn and one model together, others apart', async () => {
    const { clock, sources, notifications } = setUp({}, [createSource(), createSource(), createSource()]);
    sources[0]?.start('drift-1', 'digits');
    sources[1]?.start('drift-2', 'digits');
    sources[2]?.start('drift-3', 'letters');
    await clock.settle();
    expect(notifications.map(({ group, alerts }) => [group, alerts.length])).toEqual([
      ['digits', 2],
      ['letters', 1],
    ]);
    expect(new Set(notifications.map(({ id }) => id)).size).toBe(2);
  });

  it('waits for others of a group, and tells what is over by then once', async () => {
    const { clock, sources, notifications, told } = setUp({ groupWaitMs: 1000, groupBy: () => 'all' }, [
      createSource(),
      createSource(),
    ]);
    sources[0]?.start('drift-1');
    await clock.advance(900);
    sources[1]?.start('drift-2', 'letters');
    sources[0]?.end('drift-1');
    expect(notifications).toEqual([]);
    await clock.advance(100);
    expect(notifications).toHaveLength(1);
    expect(told()).toEqual([
      ['drift-1', 'end'],
      ['drift-2', 'start'],
    ]);
    expect(alertsOf(notifications)[0]).toMatchObject({ state: 'resolved', evidenceLog10: 7.5, sequence: 0 });
  });

  it('holds alerts back while they are muted, and tells what lasts when that is over', async () => {
    const { clock, source, told, router } = setUp();
    router.mute(10_000, { models: ['digits'] });
    source.start('short');
    source.start('long');
    source.start('other', 'letters');
    await clock.advance(5000);
    source.end('short');
    await clock.advance(4999);
    expect(told()).toEqual([['other', 'start']]);
    expect(router.health()).toMatchObject({ held: 1, muted: 1 });
    await clock.advance(1);
    expect(told()).toEqual([
      ['other', 'start'],
      ['long', 'start'],
    ]);
    const unmute = router.mute(10_000);
    source.end('long');
    await clock.advance(1000);
    expect(told()).toHaveLength(2);
    unmute();
    await clock.settle();
    expect(told().at(-1)).toEqual(['long', 'end']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('knows daily mute windows across midnight', async () => {
    // The clock begins on Tuesday, 14 November 2023, at 22:13:20 UTC.
    const { clock, source, told } = setUp({ mutes: [{ dailyFrom: '22:00', dailyTo: '06:00', days: [2] }] });
    source.start('drift-1');
    await clock.advance(7 * 3_600_000);
    expect(told()).toEqual([]);
    await clock.advance(3_600_000);
    expect(told()).toEqual([['drift-1', 'start']]);
    source.end('drift-1');
    await clock.advance(16 * 3_600_000);
    source.start('on Wednesday night');
    await clock.settle();
    expect(told().at(-1)).toEqual(['on Wednesday night', 'start']);
  });

  it('makes episodes for monitors that only have states', async () => {
    const report = () => ({
      model: { name: 'digits', version: '1', digest: '' },
      checks: [
        { rule: 'range', feature: 'age', state: 'failed', violations: 3, tested: 100 },
        { rule: 'type', feature: 'name', state: 'ok', violations: 0, tested: 100 },
      ],
    });
    const source = createSource(report);
    const { clock, notifications } = setUp({}, [source]);
    source.move('ok', 'warning');
    source.move('warning', 'failed');
    await clock.settle();
    source.move('failed', 'ok');
    await clock.settle();
    source.move('ok', 'failed');
    await clock.settle();
    const alerts = alertsOf(notifications);
    expect(alerts.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['quality', 'start'],
      ['quality', 'end'],
      ['quality', 'start'],
    ]);
    expect(alerts[0]?.features).toMatchObject([{ name: 'age', note: 'rule "range", broken by 3 of 100 values' }]);
    expect(alerts[1]?.id).toBe(alerts[0]?.id);
    expect(alerts[2]?.id).not.toBe(alerts[0]?.id);
  });

  it('tells warnings where they are asked for, and ends them when the alarm comes', async () => {
    const source = createSource(() => ({ evidenceLog10: 5.2 }));
    const { clock, notifications } = setUp({ warnings: true }, [source]);
    source.move('ok', 'warning');
    await clock.settle();
    source.start('drift-1');
    await clock.settle();
    const alerts = alertsOf(notifications);
    expect(alerts.map(({ severity, reason }) => [severity, reason])).toEqual([
      ['warning', 'start'],
      ['warning', 'end'],
      ['critical', 'start'],
    ]);
    expect(alerts[0]?.title).toBe('Warning: drift of monitor');
    const quiet = setUp();
    quiet.source.move('ok', 'warning');
    await quiet.clock.settle();
    expect(quiet.notifications).toEqual([]);
  });

  it('outlives reports, facts, group names and sinks that throw', async () => {
    const broken = createSource(() => {
      throw new Error('no report');
    });
    const failures: string[] = [];
    const { clock, told, router } = setUp(
      {
        sinks: [
          {
            name: 'throws',
            deliver: () => {
              throw new Error('sink');
            },
          },
          { name: 'rejects', deliver: async () => Promise.reject(new Error('sink')) },
        ],
        groupBy: () => {
          throw new Error('no group');
        },
        on: { 'alert-fail': ({ sink, error }) => void failures.push(`${sink} ${String(error)}`) },
      },
      [broken],
    );
    expect(() => broken.move('ok', 'failed')).not.toThrow();
    await clock.settle();
    expect(told()).toEqual([]);
    expect(failures).toEqual(['throws Error: sink', 'rejects Error: sink']);
    expect(router.health()).toMatchObject({
      status: 'degraded',
      sinks: [
        { name: 'throws', status: 'failing', failed: 1, failuresInARow: 1, lastError: { message: 'sink' } },
        { name: 'rejects', failed: 1 },
      ],
    });
  });

  it('delivers one at a time in order, drops the oldest beyond the queue, and counts it', async () => {
    const releases: (() => void)[] = [];
    const delivered: string[] = [];
    const drops: string[] = [];
    const slow: AlertSink = {
      name: 'slow',
      async deliver({ alerts }) {
        await new Promise<void>((resolve) => releases.push(resolve));
        delivered.push(alerts[0]?.id ?? '');
        return 'delivered';
      },
    };
    const { clock, source, router } = setUp({
      sinks: [slow],
      maxQueue: 2,
      groupBy: ({ id }) => id,
      on: { 'alert-drop': ({ notification, why }) => void drops.push(`${notification.group} ${why}`) },
    });
    for (const id of ['a', 'b', 'c', 'd']) source.start(id);
    await clock.settle();
    expect(drops).toEqual(['b queue-full']);
    expect(releases).toHaveLength(1);
    while (releases.length > 0) {
      releases.shift()?.();
      await clock.settle();
    }
    expect(delivered).toEqual(['a', 'c', 'd']);
    expect(router.health().sinks[0]).toMatchObject({ delivered: 3, dropped: 1, waiting: 0 });
  });

  it('counts episodes beyond maxActive', async () => {
    const { clock, source, told, router } = setUp({ maxActive: 1 });
    source.start('a');
    source.start('b');
    await clock.settle();
    expect(told()).toEqual([['a', 'start']]);
    expect(router.health().overflowed).toBe(1);
  });

  it('drains when it closes, and gives up what takes too long', async () => {
    const aborted: string[] = [];
    const never: AlertSink = {
      name: 'never',
      deliver: (notification, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => aborted.push(notification.group));
        }),
    };
    const quick = setUp();
    quick.source.start('a');
    const closing = quick.router.close();
    await quick.clock.settle();
    await closing;
    expect(quick.told()).toEqual([['a', 'start']]);
    expect(quick.router.health().status).toBe('closed');
    quick.source.start('b');
    await quick.clock.settle();
    expect(quick.told()).toHaveLength(1);
    expect(() => quick.router.mute(1000)).toThrow(expect.objectContaining({ code: 'CLOSED' }));

    const slow = setUp({ sinks: [never], closeTimeoutMs: 500, groupBy: ({ id }) => id });
    slow.source.start('a');
    slow.source.start('b');
    let closed = false;
    const end = slow.router.close().then(() => {
      closed = true;
    });
    await slow.clock.advance(499);
    expect(closed).toBe(false);
    await slow.clock.advance(1);
    await end;
    expect(aborted).toEqual(['a']);
    expect(slow.router.health().sinks[0]).toMatchObject({ delivered: 0, failed: 1, dropped: 1, waiting: 0 });
    expect(slow.clock.pendingTimers).toBe(0);
  });

  it.each([
    ['sinks', { sinks: [] }],
    ['sinks', { sinks: [{ name: 'x' }] }],
    ['sinks', { sinks: [callbackSink(() => 1), callbackSink(() => 1)] }],
    ['repeatMs', { repeatMs: 10 }],
    ['mutes.0', { mutes: [{ fromMs: 2, toMs: 1 }] }],
    ['mutes.0', { mutes: [{ dailyFrom: '25:00', dailyTo: '06:00' }] }],
    ['mutes.0.days', { mutes: [{ dailyFrom: '01:00', dailyTo: '06:00', days: [7] }] }],
    ['maxQueue', { maxQueue: 0 }],
    ['nothing', { nothing: 1 }],
  ])('refuses a wrong option %s', (field, options) => {
    const given = { sinks: [callbackSink(() => 1)], ...options } as unknown as AlertRouterOptions;
    const wrong = {
      code: 'INVALID_OPTION',
      details: expect.objectContaining({ field: expect.stringContaining(field) }),
    };
    expect(() => routeAlerts(createSource().monitor, given)).toThrow(expect.objectContaining(wrong));
  });

  it('refuses what is no monitor', () => {
    const options = { sinks: [callbackSink(() => 1)] };
    const wrong = expect.objectContaining({ code: 'INVALID_OPTION' });
    for (const source of [undefined, null, {}, [], { monitor: 5 }, { monitor: createSource().monitor, name: '' }]) {
      expect(() => routeAlerts(source as never, options)).toThrow(wrong);
    }
    const { monitor } = createSource();
    const twice = [
      { monitor, name: 'a' },
      { monitor, name: 'a' },
    ];
    expect(() => routeAlerts(twice, options)).toThrow(wrong);
  });
});

describe('callbackSink', () => {
  it('gives up a call that takes too long, and goes on with the next', async () => {
    const signals: AbortSignal[] = [];
    const { clock, source, router } = setUp({
      sinks: [
        callbackSink(
          (alert, { signal }) => {
            signals.push(signal);
            return alert.id === 'a' ? new Promise(() => undefined) : undefined;
          },
          { timeoutMs: 1000 },
        ),
      ],
    });
    source.start('a');
    source.start('b');
    await clock.advance(1000);
    expect(signals).toHaveLength(2);
    expect(signals[0]?.aborted).toBe(true);
    expect(router.health().sinks[0]).toMatchObject({
      failed: 2,
      lastError: { message: expect.stringContaining('1000') },
    });
    source.start('c');
    await clock.settle();
    expect(router.health().sinks[0]).toMatchObject({ delivered: 1, status: 'ok' });
  });

  it('refuses what is no function', () => {
    expect(() => callbackSink('x' as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('instrumentAlerts', () => {
  it('writes what became of alerts', async () => {
    const { clock, source, router } = setUp();
    const registry = createRegistry({ clock, logger: silent });
    const following = instrumentAlerts(registry, router);
    source.start('a');
    await clock.settle();
    const lines = () => toOpenMetrics(registry).split('\n');
    expect(lines()).toContain('ml_alerts_total{sink="test",outcome="delivered"} 1');
    expect(lines()).toContain('ml_alerts_total{sink="test",outcome="failed"} 0');
    expect(lines()).toContain('ml_alert_episodes_active 1');
    expect(lines()).toContain('ml_alert_queue_length{sink="test"} 0');
    await following.close();
    source.end('a');
    await clock.settle();
    expect(lines()).toContain('ml_alerts_total{sink="test",outcome="delivered"} 1');
    expect(lines().some((line) => line.startsWith('ml_alert_episodes_active '))).toBe(false);
  });
});
