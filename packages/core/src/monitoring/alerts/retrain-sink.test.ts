import { describe, expect, it } from 'vitest';
import { createEvents } from '../../events';
import { createVirtualClock } from '../../testing/virtual-clock';
import { type RetrainEvidence, type RetrainSinkOptions, retrainSink } from './retrain-sink';
import { routeAlerts } from './route-alerts';
import type { AlertRouterOptions } from './router-options';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const reference = { rows: 10 };
const report = { model: { name: 'digits', version: '2', digest: 'd' }, evidenceLog10: 9 };

function setUp(options: Partial<RetrainSinkOptions> = {}, routing: Partial<AlertRouterOptions> = {}) {
  const clock = createVirtualClock();
  const events = createEvents<Record<string, unknown>>(silent);
  const monitor = { events, reference, report: () => report };
  const told: string[] = [];
  const calls: RetrainEvidence[] = [];
  const errors: string[] = [];
  const logger = { ...silent, error: (_details: object, message: string) => void errors.push(message) };
  const sink = retrainSink({
    trigger: (evidence) => void calls.push(evidence),
    on: {
      'retrain-start': ({ alert }) => void told.push(`start ${alert.id}`),
      'retrain-end': ({ alert, result }) => void told.push(`end ${alert.id} ${String(result)}`),
      'retrain-skip': ({ alert, why }) => void told.push(`${why} ${alert.id}`),
    },
    logger,
    ...options,
  });
  const router = routeAlerts(monitor as never, { sinks: [sink], clock, logger, groupBy: ({ id }) => id, ...routing });
  const start = (id: string): void =>
    events.emit('drift-start', { episode: { id, startedAtMs: clock.epochMs() }, report });
  const end = (id: string): void => events.emit('drift-end', { episode: { id }, reason: 'recovered' });
  return { clock, sink, router, start, end, told, calls, errors };
}

const hour = 3_600_000;

describe('retrainSink', () => {
  it('calls the trigger with what the monitor found, once an episode', async () => {
    const { clock, start, end, calls, told, sink } = setUp(
      {
        trigger: (evidence) => {
          calls.push(evidence);
          return 'version 3';
        },
        cooldownMs: 0,
      },
      { repeatMs: hour },
    );
    start('a');
    expect(calls).toEqual([]);
    await clock.advance(5 * hour);
    end('a');
    await clock.settle();
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ alert: { id: 'a', evidenceLog10: 9 }, report, reference, model: report.model });
    expect(told).toEqual(['start a', 'end a version 3']);
    expect(sink.stats()).toMatchObject({ started: 1, succeeded: 1, failed: 0, running: false });
  });

  it('keeps its cool-down, and makes up for it at a reminder', async () => {
    const { clock, start, end, told, sink } = setUp({ cooldownMs: 10 * hour }, { repeatMs: 4 * hour });
    start('a');
    await clock.advance(hour);
    end('a');
    start('b');
    await clock.advance(7 * hour);
    expect(told).toEqual(['start a', 'end a undefined', 'cooldown b', 'cooldown b']);
    await clock.advance(6 * hour);
    expect(told.slice(4)).toEqual(['cooldown b', 'start b', 'end b undefined']);
    expect(sink.stats().skipped).toEqual({ cooldown: 3, running: 0, 'too-few-episodes': 0 });
  });

  it('runs one call at a time, which delays no other alert, and ends it when the router closes', async () => {
    const aborted: string[] = [];
    const { clock, start, told, sink, router } = setUp(
      {
        cooldownMs: 0,
        trigger: ({ alert, signal }) => {
          signal.addEventListener('abort', () => aborted.push(alert.id));
          return new Promise(() => undefined);
        },
      },
      { closeTimeoutMs: 1000 },
    );
    start('a');
    start('b');
    await clock.settle();
    expect(told).toEqual(['start a', 'running b']);
    expect(sink.stats().running).toBe(true);
    expect(router.health().sinks[0]).toMatchObject({ delivered: 1, skipped: 1, waiting: 0 });
    const closing = router.close();
    await clock.advance(1000);
    await closing;
    expect(aborted).toEqual(['a']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits for enough episodes within the time it looks back', async () => {
    const { clock, start, end, told } = setUp({ minimumEpisodes: 3, episodesWithinMs: 10 * hour, cooldownMs: 0 });
    for (const id of ['a', 'b', 'c', 'd']) {
      start(id);
      await clock.settle();
      end(id);
      await clock.advance(id === 'a' ? 11 * hour : hour);
    }
    expect(told).toEqual([
      'too-few-episodes a',
      'too-few-episodes b',
      'too-few-episodes c',
      'start d',
      'end d undefined',
    ]);
  });

  it('tells of failures, logs those that nobody hears, and gives up calls that take too long', async () => {
    const { clock, start, errors, sink } = setUp({
      cooldownMs: 0,
      timeoutMs: hour,
      trigger: ({ alert }) => {
        if (alert.id === 'throws') throw new Error('no data');
        return new Promise(() => undefined);
      },
    });
    start('throws');
    await clock.settle();
    start('hangs');
    await clock.advance(hour);
    expect(errors).toEqual(['Retraining failed: no data', 'Retraining failed: Retraining took more than 3600000 ms.']);
    expect(sink.stats()).toMatchObject({ started: 2, failed: 2, running: false });
    const heard: unknown[] = [];
    sink.events.on('retrain-fail', ({ error }) => heard.push(error));
    start('hangs too');
    await clock.advance(hour);
    expect(heard).toMatchObject([{ code: 'DEADLINE_EXCEEDED' }]);
    expect(errors).toHaveLength(2);
  });

  it('leaves alone what is of another kind', async () => {
    const { clock, start, calls, router } = setUp({ kinds: ['performance'] });
    start('a');
    await clock.settle();
    expect(calls).toEqual([]);
    expect(router.health().sinks[0]).toMatchObject({ skipped: 1, delivered: 0 });
  });

  it.each([
    ['trigger', { trigger: 'x' }],
    ['cooldownMs', { cooldownMs: -1 }],
    ['minimumEpisodes', { minimumEpisodes: 0 }],
    ['kinds', { kinds: [] }],
    ['timeoutMs', { timeoutMs: 0 }],
  ])('refuses a wrong option %s', (field, options) => {
    const given = { trigger: () => 1, ...options } as unknown as RetrainSinkOptions;
    const details = expect.objectContaining({ field });
    expect(() => retrainSink(given)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }));
  });
});
