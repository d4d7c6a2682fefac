import { createRunner } from '@fairlead/core';
import { instrumentCache, withCache } from '@fairlead/core/cache';
import { createRegistry, instrumentRunner, type Registry, type RegistryOptions } from '@fairlead/core/metrics';
import {
  callbackSink,
  createDriftMonitor,
  createQualityMonitor,
  instrumentAlerts,
  instrumentMonitor,
  instrumentQuality,
  routeAlerts,
} from '@fairlead/core/monitoring';
import {
  fallback,
  instrumentResilience,
  withBulkhead,
  withCircuitBreaker,
  withRetry,
  withTimeout,
} from '@fairlead/core/resilience';
import { createRollout, createShadow, instrumentRollout, thompson } from '@fairlead/core/rollouts';
import { instrumentCalls } from '@fairlead/core/serving';
import { createMockBackend } from '@fairlead/core/testing';

/** A registry in which the instruments of core have registered their families. */
export async function instrumentedRegistry(options?: RegistryOptions): Promise<Registry> {
  const registry = createRegistry(options);
  const runner = await createRunner({ model: '1', backend: createMockBackend() });
  instrumentRunner(registry, runner);
  instrumentCalls(registry);
  instrumentCache(registry, withCache(runner));
  const stages = [
    withRetry(runner),
    withCircuitBreaker(runner),
    withBulkhead(runner, { maxConcurrent: 4 }),
    withTimeout(runner, { timeoutMs: 1000 }),
    fallback(runner, runner),
  ];
  for (const stage of stages) instrumentResilience(registry, stage);
  const challenger = await createRunner({ model: '2', backend: createMockBackend() });
  const mirror = createShadow({ champion: runner, shadow: challenger });
  const rollout = await createRollout({
    name: 'checkout',
    champion: runner,
    challengers: { canary: challenger },
    strategy: thompson(),
    observers: [mirror],
  });
  instrumentRollout(registry, rollout);
  const monitor = createDriftMonitor();
  instrumentMonitor(registry, monitor);
  const quality = createQualityMonitor({ rules: [{ rule: 'missing', field: 'x[0]' }] });
  instrumentQuality(registry, quality);
  const router = routeAlerts([monitor, quality], { sinks: [callbackSink(() => undefined)] });
  instrumentAlerts(registry, router);
  await router.close();
  await quality.close();
  await monitor.close();
  await rollout.close();
  await mirror.close();
  return registry;
}
