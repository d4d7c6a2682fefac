import { expect, test } from 'vitest';
import { createRegistry, toOpenMetrics } from '../metrics';
import { rejection, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { clickModel, scriptedStore } from './features.fixture';
import { instrumentFeatures } from './instrument-features';
import { withFeatures } from './with-features';

test('ages, outcomes, times and failures of lookups are in the registry', async () => {
  const clock = createVirtualClock();
  const registry = createRegistry();
  const runner = withFeatures(clickModel(clock), {
    store: scriptedStore(clock, (call) => (call === 1 ? { error: new Error('gone') } : {})),
    entity: { user_id: 'string' },
    features: { user: ['age', { name: 'score', size: 2, default: 0 }], country: 'country' },
    cache: { ttlMs: 1000 },
    clock,
  });
  const recording = instrumentFeatures(registry, runner);
  const ask = (user: string) => runner.run({ x: Float32Array.of(1, 2), user_id: [user] });
  await until(ask('a'), clock);
  await until(rejection(ask('b'), 'STORE_FAILED'), clock);
  await until(rejection(ask('unknown'), 'NOT_FOUND'), clock);
  await until(ask('a'), clock);
  const text = toOpenMetrics(registry);
  const model = 'model_name="scripted",model_version="0"';
  for (const line of [
    `ml_feature_age_seconds_count{${model},feature="age"} 2`,
    `ml_feature_age_seconds_bucket{${model},feature="age",le="1.0"} 1`,
    `ml_feature_values_total{${model},feature="age",outcome="used"} 2`,
    `ml_feature_values_total{${model},feature="age",outcome="missing"} 1`,
    `ml_feature_wait_seconds_count{${model}} 3`,
    'ml_feature_store_read_seconds_count{store="scripted"} 3',
    'ml_feature_store_entities_total{store="scripted"} 3',
    'ml_feature_store_errors_total{store="scripted",code="STORE_FAILED"} 1',
    'ml_feature_cache_hits_total{store="scripted"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  await recording.close();
  await until(ask('a'), clock);
  expect(toOpenMetrics(registry)).toBe(text);
});
