import { describe, expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../../metrics';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createMemorySink } from '../predictions/memory-sink';
import { createPredictionLog } from '../predictions/prediction-log';
import { createRandom } from '../random';
import { createPerformanceMonitor } from './create-performance-monitor';
import { fitPerformanceReference } from './fit-performance-reference';
import { instrumentPerformance } from './instrument-performance';

const model = (version: string) => ({ name: 'digits', version, digest: 'd' });

async function setUp() {
  const clock = createVirtualClock();
  const registry = createRegistry({ clock });
  const random = createRandom(9);
  const rows = Array.from({ length: 500 }, () => {
    const score = random();
    return { score, label: random() < score };
  });
  const reference = await fitPerformanceReference(rows, { task: 'binary' });
  const monitor = createPerformanceMonitor({
    task: 'binary',
    windowRows: 100,
    slices: { country: 'country' },
    alerts: [{ metric: 'accuracy', level: 0.99 }],
    reference,
    clock,
  });
  const log = await createPredictionLog({ sink: createMemorySink(), clock, sample: 0.5 });
  const end = instrumentPerformance(registry, monitor, log);
  const feed = (prefix: string, count: number) => {
    for (const [i, { score, label }] of rows.slice(0, count).entries()) {
      monitor.predict(`${prefix}${i}`, { score, tags: { country: 'ch' }, at: clock.epochMs() - 30_000 });
      monitor.label(`${prefix}${i}`, label);
      log.record({ id: `${prefix}${i}`, model: model('1') });
    }
  };
  const lines = (start: string) =>
    toOpenMetrics(registry)
      .split('\n')
      .filter((line) => line.startsWith(start) && !line.includes('_created'));
  const sampleOf = (start: string) => Number(lines(start)[0]?.split(' ').at(-1));
  return { registry, monitor, log, end, feed, lines, sampleOf };
}

describe('metrics of performance', () => {
  it('are those of the snapshot', async () => {
    const { monitor, feed, lines, sampleOf, log } = await setUp();
    monitor.adopt(model('1'), undefined);
    feed('a', 100);
    const { metrics, alertsStarted } = monitor.snapshot();
    const labels = 'model_name="digits",model_version="1"';
    expect(sampleOf(`ml_performance_ratio{${labels},metric="accuracy"}`)).toBe(metrics.accuracy?.value);
    expect(sampleOf(`ml_performance_low_ratio{${labels},metric="accuracy"}`)).toBe(metrics.accuracy?.low);
    expect(sampleOf(`ml_performance_loss{${labels},metric="log_loss"}`)).toBe(metrics.logLoss?.value);
    expect(sampleOf(`ml_performance_ratio{${labels},slice="country=ch",metric="auc"}`)).toBe(metrics.auc?.value);
    expect(sampleOf(`ml_performance_rows{${labels},slice="country=ch"}`)).toBe(100);
    expect(sampleOf(`ml_labels_total{${labels},outcome="matched"}`)).toBe(100);
    expect(sampleOf(`ml_label_match_ratio{${labels}}`)).toBe(1);
    expect(sampleOf(`ml_label_lag_seconds_count{${labels}}`)).toBe(100);
    expect(sampleOf(`ml_label_lag_seconds_sum{${labels}}`)).toBe(3000);
    expect(alertsStarted).toBeGreaterThan(0);
    expect(sampleOf(`ml_performance_alerts_total{${labels}}`)).toBe(alertsStarted);
    expect(
      lines('ml_performance_alert_state{')
        .filter((line) => line.endsWith(' 1'))
        .join(),
    ).toContain('"alert"} 1');
    const { outcomes, sink } = log.stats();
    expect(sampleOf('ml_prediction_log_records_total{outcome="logged"}')).toBe(outcomes.logged);
    expect(sampleOf('ml_prediction_log_records_total{outcome="sampled_out"}')).toBe(outcomes['sampled-out']);
    expect(sampleOf('ml_prediction_log_held_records')).toBe(sink.records);
    expect(sampleOf('ml_prediction_log_held_bytes')).toBe(sink.bytes);
  });

  it('include the estimates where there is a reference', async () => {
    const { monitor, feed, sampleOf } = await setUp();
    feed('a', 50);
    const { value } = monitor.snapshot().estimated.metrics.f1 as { value: number };
    expect(sampleOf('ml_estimated_performance_ratio{model_name="unknown",model_version="unknown",metric="f1"}')).toBe(
      value,
    );
  });

  it('of a model that was replaced: its counters stay, its gauges go', async () => {
    const { monitor, feed, lines, sampleOf } = await setUp();
    monitor.adopt(model('1'));
    feed('a', 60);
    monitor.adopt(model('2'));
    feed('b', 20);
    expect(lines('ml_performance_ratio{').every((line) => line.includes('model_version="2"'))).toBe(true);
    expect(sampleOf('ml_labels_total{model_name="digits",model_version="1",outcome="matched"}')).toBe(60);
    expect(sampleOf('ml_labels_total{model_name="digits",model_version="2",outcome="matched"}')).toBe(20);
    expect(sampleOf('ml_label_lag_seconds_count{model_name="digits",model_version="2"}')).toBe(20);
  });

  it('are no longer written after the end', async () => {
    const { feed, end, sampleOf } = await setUp();
    feed('a', 10);
    expect(sampleOf('ml_labels_total{model_name="unknown",model_version="unknown",outcome="matched"}')).toBe(10);
    end();
    feed('b', 10);
    expect(sampleOf('ml_labels_total{model_name="unknown",model_version="unknown",outcome="matched"}')).toBe(10);
    expect(sampleOf('ml_label_lag_seconds_count')).toBe(10);
  });
});
