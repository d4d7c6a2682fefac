import { expect, test } from 'vitest';
import { createRegistry, toOpenMetrics } from '../metrics';
import { readOpenMetrics } from '../metrics/read-exposition.fixture';
import { failure, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { rowsOf, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { cascade, instrumentCascade } from './index';

test('rows by where and why, what was sent, and whether the cloud may be asked', async () => {
  const clock = createVirtualClock();
  const edge = scriptedRunner(clock);
  const cloud = scriptedRunner(clock, (call) => (call === 0 ? {} : { error: failure('REMOTE_FAILED') }), '1');
  const runner = cascade({
    edge,
    cloud,
    escalate: { confidence: { threshold: 0.8 } },
    circuit: { failures: 1 },
    on: { 'cloud-open': () => {} },
    clock,
  });
  const registry = createRegistry({ clock });
  const recording = instrumentCascade(registry, runner);
  const values = (): Record<string, number> =>
    Object.fromEntries(
      readOpenMetrics(toOpenMetrics(registry))
        .flatMap(({ samples }) => samples)
        .filter(({ name, value }) => !name.endsWith('_created') && value !== 0)
        .map(({ name, labels: { model_name: _, model_version: __, ...labels }, value }) => [
          [name, ...Object.values(labels)].join(' '),
          value,
        ]),
    );
  expect(values()).toEqual({ ml_cascade_cloud_available: 1 });
  const unsure = { x: rowsOf([0.5, 0.5], [0.9, 0.1]) };
  for (let index = 0; index < 3; index++) await until(runner.run(unsure), clock);
  expect(values()).toEqual({
    'ml_cascade_rows_total edge confident': 3,
    'ml_cascade_rows_total cloud unsure': 1,
    'ml_cascade_rows_total edge cloud-failed': 1,
    'ml_cascade_rows_total edge cloud-unavailable': 1,
    ml_cascade_sent_rows_total: 2,
    ml_cascade_cloud_failures_total: 1,
  });
  await recording.close();
});
