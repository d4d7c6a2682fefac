import { expect, it } from 'vitest';
import { createRegistry } from './registry';

it('describes every family by name, type, help, unit, labels, buckets and states, and runs no callback', () => {
  const registry = createRegistry({ prefix: 'shop_' });
  registry.onCollect(() => {
    throw new Error('a description is no exposition');
  });
  registry.counter({ name: 'requests', help: 'Requests.', labels: ['code'] });
  registry.histogram({ name: 'wait_seconds', help: 'Waits.', unit: 'seconds', buckets: [0.1, 1] });
  registry.stateSet({ name: 'drift', help: 'Drift.', labels: ['model_name'], states: ['ok', 'drift'] });
  const own = registry.describe().filter(({ name }) => !name.startsWith('fairlead_metrics_'));
  expect(own).toEqual([
    { name: 'shop_requests', type: 'counter', help: 'Requests.', unit: '', labels: ['code'] },
    { name: 'shop_wait_seconds', type: 'histogram', help: 'Waits.', unit: 'seconds', labels: [], buckets: [0.1, 1] },
    {
      name: 'shop_drift',
      type: 'stateset',
      help: 'Drift.',
      unit: '',
      labels: ['model_name'],
      states: ['ok', 'drift'],
    },
  ]);
  expect(registry.describe().map(({ name }) => name)).toContain('fairlead_metrics_dropped');
});
