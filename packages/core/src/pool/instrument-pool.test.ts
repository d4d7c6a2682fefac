import { expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../metrics';
import { failure, pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { collectInto } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { instrumentPool } from './instrument-pool';
import { createPool } from './pool';

it('shows what the pool and each endpoint did, and how they stand', async () => {
  const clock = createVirtualClock();
  const registry = createRegistry();
  const pool = await createPool({
    endpoints: [
      scriptedRunner(clock, () => ({ afterMs: 1, error: failure('REMOTE_FAILED') })),
      scriptedRunner(clock, () => ({ afterMs: 10 }), '1'),
    ],
    circuit: { failures: 1 },
    clock,
    logger: collectInto([]),
    random: () => 0,
  });
  const metrics = instrumentPool(registry, pool);
  const answer = pool.run(pair());
  await clock.advance(20);
  await answer;
  const text = toOpenMetrics(registry);
  const labels = 'model_name="scripted",model_version="';
  for (const line of ['ml_pool_requests_total{', 'ml_pool_retries_total{', 'ml_pool_recoveries_total{']) {
    expect(text.split('\n').find((each) => each.startsWith(line) && each.endsWith('} 1'))).toContain(labels);
  }
  expect(text).toMatch(/ml_pool_endpoint_failures_total\{[^}]*endpoint="endpoint-1"[^}]*\} 1\n/);
  expect(text).toMatch(/ml_pool_endpoint_answers_total\{[^}]*endpoint="endpoint-2"[^}]*\} 1\n/);
  expect(text).toMatch(/ml_pool_endpoint_latency_seconds\{[^}]*endpoint="endpoint-2"[^}]*\} 0\.0(09|1)/);
  expect(text).toMatch(/ml_pool_endpoint_state\{[^}]*endpoint="endpoint-1"[^}]*ml_pool_endpoint_state="open"\} 1/);
  expect(text).toMatch(/ml_pool_endpoint_state\{[^}]*endpoint="endpoint-2"[^}]*ml_pool_endpoint_state="ready"\} 1/);
  await metrics.close();
  expect(toOpenMetrics(registry)).not.toContain('ml_pool_endpoint_state{');
  await pool.close();
});
