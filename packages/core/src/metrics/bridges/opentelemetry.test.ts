import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect, it } from 'vitest';
import { createRegistry } from '../registry';
import { bridgeOpenTelemetry } from './opentelemetry';

/** A provider of the real SDK, and what it exports. */
function provider() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const meters = new MeterProvider({ readers: [reader] });
  const collect = async () => {
    exporter.reset();
    await meters.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(
      metrics.map((metric) => [
        metric.descriptor.name,
        {
          unit: metric.descriptor.unit,
          description: metric.descriptor.description,
          isMonotonic: metric.dataPointType === DataPointType.SUM && metric.isMonotonic,
          points: metric.dataPoints.map(({ attributes, value }) => [attributes, value]),
        },
      ]),
    );
  };
  return { meter: meters.getMeter('test'), collect, close: () => meters.shutdown() };
}

it('shows every type of family to the real SDK, read when it collects', async () => {
  const registry = createRegistry();
  const help = 'Help.';
  const calls = registry.counter({ name: 'calls', help, labels: ['code'] }).bind({ code: '200' });
  registry.onCollect(() => calls.inc());
  registry.gauge({ name: 'size_bytes', unit: 'bytes', help }).bind().set(-5);
  registry.gauge({ name: 'nothing', help }).bind().set(Number.NaN);
  const wait = registry.histogram({ name: 'wait_seconds', unit: 'seconds', help, buckets: [1, 2] }).bind();
  wait.observe(1.5);
  wait.observe(9);
  registry
    .histogram({ name: 'signed', help, buckets: [-1] })
    .bind()
    .observe(-2);
  registry
    .gaugeHistogram({ name: 'pixel', help, buckets: [0] })
    .bind()
    .set([1, 2], 3);
  registry
    .summary({ name: 'length', help, quantiles: [0.5] })
    .bind()
    .observe(0);
  registry.info({ name: 'model', help, labels: ['version'] }).bind({ version: '' });
  registry
    .stateSet({ name: 'drift', help, states: ['ok', 'drift'] })
    .bind()
    .set('drift');
  const { meter, collect, close } = provider();
  const bridge = bridgeOpenTelemetry(registry, meter);

  const seen = await collect();
  const about = (points: unknown, isMonotonic: boolean, unit = '') => ({
    unit,
    description: help,
    isMonotonic,
    points,
  });
  expect(Object.fromEntries([...seen].filter(([name]) => !name.startsWith('fairlead_')))).toEqual({
    calls: about([[{ code: '200' }, 1]], true),
    size_bytes: about([[{}, -5]], false, 'By'),
    wait_seconds_bucket: about(
      [
        [{ le: '1.0' }, 0],
        [{ le: '2.0' }, 1],
        [{ le: '+Inf' }, 2],
      ],
      true,
    ),
    wait_seconds_count: about([[{}, 2]], true),
    wait_seconds_sum: about([[{}, 10.5]], true, 's'),
    signed_bucket: about(
      [
        [{ le: '-1.0' }, 1],
        [{ le: '+Inf' }, 1],
      ],
      true,
    ),
    signed_count: about([[{}, 1]], true),
    pixel_bucket: about(
      [
        [{ le: '0.0' }, 1],
        [{ le: '+Inf' }, 3],
      ],
      false,
    ),
    pixel_gcount: about([[{}, 3]], false),
    pixel_gsum: about([[{}, 3]], false),
    length: about([[{ quantile: '0.5' }, 0]], false),
    length_count: about([[{}, 1]], true),
    length_sum: about([[{}, 0]], true),
    model_info: about([[{}, 1]], false),
    drift: about(
      [
        [{ drift: 'ok' }, 0],
        [{ drift: 'drift' }, 1],
      ],
      false,
    ),
  });
  expect((await collect()).get('calls')?.points).toEqual([[{ code: '200' }, 2]]);

  registry.gauge({ name: 'late', help }).bind().set(7);
  await collect();
  expect((await collect()).get('late')?.points).toEqual([[{}, 7]]);

  await bridge.close();
  await collect(); // shows what it saw last, and asks nobody
  expect(calls.value).toBe(4);
  await close();
});
