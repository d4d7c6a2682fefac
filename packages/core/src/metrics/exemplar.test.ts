import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock';
import type { Exemplar } from './exemplar';
import { toOpenMetrics } from './openmetrics';
import { toPrometheusText } from './prometheus-text';
import { createRegistry, type Registry } from './registry';

function linesOf(registry: Registry, start: string): string[] {
  return toOpenMetrics(registry)
    .split('\n')
    .filter((line) => line.startsWith(start));
}

describe('exemplars', () => {
  it('stand on the total of a counter and the bucket of a histogram, dated, the latest of each', () => {
    const registry = createRegistry({ clock: createVirtualClock(1_700_000_000_250) });
    const calls = registry.counter({ name: 'calls', help: 'Calls.' }).bind();
    calls.inc(2, { labels: { trace_id: 'a' } });
    calls.inc();
    const wait = registry.histogram({ name: 'wait', help: 'Waits.', buckets: [1, 2] }).bind();
    wait.observe(0.5, { labels: { trace_id: 'b' } });
    wait.observe(0.75, { labels: { trace_id: 'c', span_id: 'd\\\n', empty: '' }, timestampMs: 1_600_000_000_000.4 });
    wait.observe(9, { labels: {} });
    expect(linesOf(registry, 'calls_total')).toEqual(['calls_total 3 # {trace_id="a"} 2 1700000000.25']);
    expect(linesOf(registry, 'wait_')).toEqual([
      String.raw`wait_bucket{le="1.0"} 2 # {trace_id="c",span_id="d\\\n"} 0.75 1600000000`,
      'wait_bucket{le="2.0"} 2',
      'wait_bucket{le="+Inf"} 3 # {} 9 1700000000.25',
      'wait_count 3',
      'wait_sum 10.25',
      'wait_created 1700000000.25',
    ]);
    expect(toPrometheusText(registry)).not.toContain(' # {');
  });

  const tooLong = { trace_id: '😀'.repeat(121) };
  it.each<[string, unknown]>([
    ['129 code points', { labels: tooLong }],
    ['a megabyte', { labels: { trace_id: 'x'.repeat(2 ** 20) } }],
    ['an illegal name', { labels: { 'trace-id': 'a' } }],
    ['a name that OpenMetrics reserves', { labels: { __trace: 'a' } }],
    ['a value that is no string', { labels: { trace_id: 7 } }],
    ['a double quote, which Python cannot read', { labels: { trace_id: 'a"' } }],
    ['no labels', {}],
    ['labels that are null', { labels: null }],
    ['null', null],
    ['text', 'abc'],
    ['a time that is none', { labels: {}, timestampMs: Number.NaN }],
    ['a time before 1970', { labels: {}, timestampMs: -1 }],
    ['a time beyond all dates', { labels: {}, timestampMs: 1e300 }],
  ])('leaves out and counts %s, and counts the value all the same', (_, exemplar) => {
    const registry = createRegistry();
    const calls = registry.counter({ name: 'calls', help: 'Calls.' }).bind();
    const wait = registry.histogram({ name: 'wait', help: 'Waits.', buckets: [1] }).bind();
    calls.inc(1, exemplar as Exemplar);
    wait.observe(1, exemplar as Exemplar);
    expect(linesOf(registry, 'calls_total')).toEqual(['calls_total 1']);
    expect(linesOf(registry, 'wait_bucket{le="1.0"}')).toEqual(['wait_bucket{le="1.0"} 1']);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toEqual([
      'fairlead_metrics_dropped_total{family="calls",reason="invalid_exemplar"} 1',
      'fairlead_metrics_dropped_total{family="wait",reason="invalid_exemplar"} 1',
    ]);
  });

  it('may have 128 code points, however many bytes those are', () => {
    const registry = createRegistry();
    registry
      .counter({ name: 'calls', help: 'Calls.' })
      .bind()
      .inc(1, { labels: { trace_id: '😀'.repeat(120) } });
    expect(linesOf(registry, 'calls_total')[0]).toContain('😀 '.trim().repeat(120));
  });

  it('are not kept for a value that is dropped', () => {
    const registry = createRegistry();
    registry.counter({ name: 'calls', help: 'Calls.' }).bind().inc(-1, { labels: {} });
    expect(linesOf(registry, 'calls_total')).toEqual(['calls_total 0']);
  });
});
