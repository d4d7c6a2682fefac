import { createRegistry, type RegistrySnapshot, restoreSnapshot, toOpenMetrics } from '@fairlead/core/metrics';
import { expect, it, vi } from 'vitest';
import { cumulativeOf, mergeWhatFits } from './merge-what-fits';

function snapshotOf(type: 'gauge' | 'counter', amount: number): RegistrySnapshot {
  const registry = createRegistry();
  registry.counter({ name: 'same', help: 'S.' }).bind().inc(amount);
  registry[type]({ name: 'changed', help: 'C.' }).bind().inc(amount);
  return registry.snapshot();
}

it('leaves out only the families that do not fit, and says so once a snapshot', () => {
  const onConflict = vi.fn();
  const merged = mergeWhatFits([snapshotOf('gauge', 1), snapshotOf('counter', 2), snapshotOf('gauge', 4)], onConflict);
  const lines = toOpenMetrics(restoreSnapshot(merged)).split('\n');
  expect(lines).toContain('same_total 7');
  expect(lines).toContain('changed 5');
  expect(onConflict).toHaveBeenCalledOnce();
});

it('passes on what is no conflict', () => {
  expect(() => mergeWhatFits([{ version: 2 } as unknown as RegistrySnapshot], () => {})).toThrow(/version/);
});

it('keeps of a process that is gone what it counted', () => {
  const registry = createRegistry();
  registry.counter({ name: 'calls', help: 'C.' }).bind().inc(2);
  registry
    .histogram({ name: 'wait', help: 'W.', buckets: [1] })
    .bind()
    .observe(1);
  registry
    .summary({ name: 'length', help: 'L.', quantiles: [0.5] })
    .bind()
    .observe(1);
  registry.gauge({ name: 'size', help: 'S.' }).bind().set(3);
  registry.stateSet({ name: 'drift', help: 'D.', states: ['ok'] }).bind();
  registry.info({ name: 'model', help: 'M.' }).bind();
  const text = toOpenMetrics(restoreSnapshot(cumulativeOf(registry.snapshot())));
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.includes('_created'));
  expect(lines).toEqual([
    'calls_total 2',
    'wait_bucket{le="1.0"} 1',
    'wait_bucket{le="+Inf"} 1',
    'wait_count 1',
    'wait_sum 1',
    'length{quantile="0.5"} NaN',
    'length_count 1',
    'length_sum 1',
  ]);
});
