import { createRunner } from '@fairlead/core';
import { instrumentCache, withCache } from '@fairlead/core/cache';
import {
  createRegistry,
  type FamilyDescription,
  instrumentRunner,
  type Registry,
  type RegistryOptions,
} from '@fairlead/core/metrics';
import { createDriftMonitor, instrumentMonitor } from '@fairlead/core/monitoring';
import {
  fallback,
  instrumentResilience,
  withBulkhead,
  withCircuitBreaker,
  withRetry,
  withTimeout,
} from '@fairlead/core/resilience';
import { createMockBackend } from '@fairlead/core/testing';

/** A registry in which the instruments of core have registered their families. */
export async function instrumentedRegistry(options?: RegistryOptions): Promise<Registry> {
  const registry = createRegistry(options);
  const runner = await createRunner({ model: '1', backend: createMockBackend() });
  instrumentRunner(registry, runner);
  instrumentCache(registry, withCache(runner));
  const stages = [
    withRetry(runner),
    withCircuitBreaker(runner),
    withBulkhead(runner, { maxConcurrent: 4 }),
    withTimeout(runner, { timeoutMs: 1000 }),
    fallback(runner, runner),
  ];
  for (const stage of stages) instrumentResilience(registry, stage);
  const monitor = createDriftMonitor();
  instrumentMonitor(registry, monitor);
  await monitor.close();
  await runner.close();
  return registry;
}

const model = ['model_name', 'model_version'];
const check = [...model, 'rule', 'feature'];
const states = ['ok', 'warning', 'failed'];

/** The families of monitors of data quality and of the alerts that monitors send, as they are described. */
export const otherFamilies: readonly FamilyDescription[] = [
  { name: 'ml_data_quality_state', type: 'stateset', help: 'All rules.', unit: '', labels: model, states },
  { name: 'ml_data_quality_check_state', type: 'stateset', help: 'Each rule.', unit: '', labels: check, states },
  { name: 'ml_data_quality_violations', type: 'counter', help: 'Broken.', unit: '', labels: check },
  { name: 'ml_data_quality_tested', type: 'counter', help: 'Tested.', unit: '', labels: check },
  { name: 'ml_data_quality_rows_seen', type: 'counter', help: 'Seen.', unit: '', labels: model },
  { name: 'ml_data_quality_rows_checked', type: 'counter', help: 'Checked.', unit: '', labels: model },
  { name: 'ml_data_quality_rows_unchecked', type: 'counter', help: 'Not.', unit: '', labels: [...model, 'reason'] },
  { name: 'ml_data_quality_test_errors', type: 'counter', help: 'Threw.', unit: '', labels: model },
  { name: 'ml_data_quality_cpu_share_ratio', type: 'gauge', help: 'Time.', unit: 'ratio', labels: model },
  { name: 'ml_data_freshness_seconds', type: 'gauge', help: 'Age.', unit: 'seconds', labels: check },
  { name: 'ml_alerts', type: 'counter', help: 'Sent.', unit: '', labels: ['sink', 'outcome'] },
  { name: 'ml_alerts_muted', type: 'counter', help: 'Held back.', unit: '', labels: [] },
  { name: 'ml_alert_queue_length', type: 'gauge', help: 'Waiting.', unit: '', labels: ['sink'] },
  { name: 'ml_alert_episodes_active', type: 'gauge', help: 'Lasting.', unit: '', labels: [] },
];
