import { expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { createVirtualClock } from '../testing/virtual-clock';
import { toOpenMetrics } from './openmetrics';
import { toPrometheusText } from './prometheus-text';
import { createRegistry } from './registry';

function linesOf(text: string, start: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(start));
}

it('shows quantiles of the window, and count and sum of all time, in both formats', async () => {
  const clock = createVirtualClock(1_700_000_000_000);
  const registry = createRegistry({ clock });
  const wait = registry.summary({
    name: 'wait_seconds',
    unit: 'seconds',
    help: 'Waits.',
    labels: ['lane'],
    quantiles: [0, 0.5, 1],
    windowMs: 60_000,
  });
  const handle = wait.bind({ lane: 'a' });
  for (const value of [0, 4, 8]) handle.observe(value);
  // The middle of the bin from 4 to 4 + 4/64.
  const strict = [
    'wait_seconds{lane="a",quantile="0.0"} 0',
    'wait_seconds{lane="a",quantile="0.5"} 4.03125',
    'wait_seconds{lane="a",quantile="1.0"} 8.0625',
    'wait_seconds_count{lane="a"} 3',
    'wait_seconds_sum{lane="a"} 12',
    'wait_seconds_created{lane="a"} 1700000000',
  ];
  expect(linesOf(toOpenMetrics(registry), 'wait_')).toEqual(strict);
  expect(linesOf(toOpenMetrics(registry), '# TYPE wait')).toEqual(['# TYPE wait_seconds summary']);
  expect(linesOf(toPrometheusText(registry), 'wait_')).toEqual(strict.slice(0, -1));
  expect(linesOf(toPrometheusText(registry), '# TYPE wait')).toEqual(['# TYPE wait_seconds summary']);

  await clock.advance(49_999);
  handle.observe(2);
  expect(handle.quantile(1)).toBe(8.0625);
  await clock.advance(10_001);
  expect(handle.quantile(1)).toBeCloseTo(2, 1);
  expect([handle.count, handle.sum]).toEqual([4, 14]);
  await clock.advance(3_600_000);
  expect(linesOf(toOpenMetrics(registry), 'wait_')).toEqual([
    'wait_seconds{lane="a",quantile="0.0"} NaN',
    'wait_seconds{lane="a",quantile="0.5"} NaN',
    'wait_seconds{lane="a",quantile="1.0"} NaN',
    'wait_seconds_count{lane="a"} 4',
    'wait_seconds_sum{lane="a"} 14',
    'wait_seconds_created{lane="a"} 1700000000',
  ]);
});

it('leaves out and counts what is negative, not finite or no number', () => {
  const registry = createRegistry();
  const handle = registry.summary({ name: 's', help: 'S.' }).bind();
  for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, '3' as unknown as number, 1]) handle.observe(value);
  expect([handle.count, handle.sum]).toEqual([1, 1]);
  expect(linesOf(toOpenMetrics(registry), 'fairlead_metrics_dropped_total')).toEqual([
    'fairlead_metrics_dropped_total{family="s",reason="negative"} 1',
    'fairlead_metrics_dropped_total{family="s",reason="not_finite"} 2',
    'fairlead_metrics_dropped_total{family="s",reason="not_a_number"} 1',
  ]);
});

it('folds past its cap', () => {
  const registry = createRegistry();
  const summary = registry.summary({ name: 's', help: 'S.', labels: ['x'], maxSeries: 1 });
  summary.bind({ x: '1' }).observe(1);
  summary.bind({ x: '2' }).observe(1);
  summary.bind({ x: '3' }).observe(2);
  expect(linesOf(toOpenMetrics(registry), 's_count')).toEqual(['s_count{x="1"} 1', 's_count{x="__other__"} 2']);
});

it.each([
  ['quantiles: []', { quantiles: [] }, 'quantiles'],
  ['a quantile above 1', { quantiles: [0.5, 1.5] }, 'quantiles.1'],
  ['a quantile below 0', { quantiles: [-0.1] }, 'quantiles.0'],
  ['NaN', { quantiles: [Number.NaN] }, 'quantiles.0'],
  ['quantiles that fall', { quantiles: [0.9, 0.5] }, 'quantiles.1'],
  ['a quantile twice', { quantiles: [0.9, 0.9] }, 'quantiles.1'],
  ['a window of no time', { windowMs: 0 }, 'windowMs'],
  ['its own label', { labels: ['quantile'] }, 'labels.0'],
])('refuses %s', (_, options, field) => {
  let error: unknown;
  try {
    createRegistry().summary({ name: 's', help: 'S.', ...options });
  } catch (thrown) {
    error = thrown;
  }
  expect(FairleadError.isInstance(error, 'INVALID_OPTION')).toBe(true);
  expect((error as FairleadError).details.field).toBe(field);
});

it('takes the names of its samples', () => {
  const registry = createRegistry();
  registry.gauge({ name: 's_count', help: 'S.' });
  expect(() => registry.summary({ name: 's', help: 'S.' })).toThrow(/"s_count" belongs to gauge s_count/);
});
