import { createRunner, createTensor, type Logger } from '@fairlead/core';
import { instrumentCache, withCache } from '@fairlead/core/cache';
import { createRegistry, instrumentRunner, type RenderedMetrics, renderMetrics } from '@fairlead/core/metrics';
import {
  type Alert,
  callbackSink,
  createDriftMonitor,
  createQualityMonitor,
  fitReference,
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
import { serve } from '@fairlead/node/server';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Rows of the input `x`, which has two features. */
function rowsOf(count: number, value: (row: number) => number) {
  const data = Float32Array.from({ length: 2 * count }, (_, i) => value(Math.floor(i / 2)) + (i % 2));
  return { x: createTensor('float32', [count, 2], data) };
}

/** A scrape, as the service saw it. */
export interface Scrape extends RenderedMetrics {
  readonly accept: string | undefined;
}

/**
 * A service as somebody runs it: a runner with worker lanes, every stage around it, monitors of drift and of data quality,
 * a router that takes their alerts to a callback, families of his own of every type, and an HTTP server with `/metrics`.
 */
export async function startService() {
  const registry = createRegistry({ logger: silent });
  const backend = createMockBackend({
    workers: true,
    laneMemoryBytes: () => 5_000_000,
    fallbacks: [{ from: 'cuda', to: 'cpu', reason: 'no device' }],
  });
  const runner = await createRunner({ model: '1', backend, lanes: 2, logger: silent });
  const bulkhead = withBulkhead(runner, { maxConcurrent: 64 });
  const timeout = withTimeout(bulkhead, { timeoutMs: 10_000 });
  const breaker = withCircuitBreaker(timeout);
  const retry = withRetry(breaker);
  const cached = withCache(retry);
  const mended = fallback(cached, runner);
  const monitor = createDriftMonitor({
    reference: await fitReference(
      rowsOf(2000, (row) => row % 17),
      { featureNames: ['age', 'say "\\price\\"'] },
    ),
    windowRows: 100,
    maxCpuShare: 1,
    logger: silent,
  });
  const quality = createQualityMonitor({
    rules: [
      { rule: 'missing', field: 'x[0]' },
      { rule: 'range', field: 'x[1]', maximum: 1000 },
      { rule: 'freshness', maxAgeMs: 600_000 },
    ],
    maxCpuShare: 1,
    logger: silent,
  });
  const alerts: Alert[] = [];
  const router = routeAlerts([monitor, quality], {
    sinks: [callbackSink((alert) => alerts.push(alert))],
    groupWaitMs: 0,
    logger: silent,
  });
  const watching = [monitor.attach(runner), quality.attach(runner)];
  instrumentRunner(registry, runner);
  instrumentCache(registry, cached);
  for (const stage of [bulkhead, timeout, breaker, retry, mended]) instrumentResilience(registry, stage);
  instrumentMonitor(registry, monitor);
  instrumentQuality(registry, quality);
  const writing = instrumentAlerts(registry, router);
  const counting = instrumentCalls(registry);
  const own = registerOwnFamilies(registry);
  const rollout = await startRollout(registry);

  const scrapes: Scrape[] = [];
  const server = await serve(mended, {
    port: 0,
    drainDelayMs: 0,
    logger: silent,
    // Without scrapes, each of which would change what the next one shows.
    observers: [{ begin: (call) => (call.operation === 'infer' ? counting.begin(call) : undefined) }],
    metrics: {
      render(accept) {
        const page = renderMetrics(registry, accept);
        scrapes.push({ ...page, accept });
        return page;
      },
    },
  });

  /** A client's work, in so many requests; the inputs have drifted, and some are missing or wrong. */
  const work = async (requests: number): Promise<void> => {
    const values = Array.from({ length: requests }, (_, i) => [40 + (i % 9), 41 + i]);
    const answers = await Promise.all(
      values.map((data) =>
        fetch(`${server.url}/v2/models/mock/infer`, {
          method: 'POST',
          body: JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data }] }),
        }),
      ),
    );
    for (const answer of answers) {
      if (answer.status !== 200) throw new Error(`The service answered ${answer.status}: ${await answer.text()}`);
      await answer.arrayBuffer();
    }
    await runner.run(rowsOf(20, (row) => (row < 5 ? Number.NaN : 30)));
    await runner.run({ x: createTensor('float64', [1, 2], new Float64Array(2)) }).catch(() => undefined);
    own.use();
    await rollout.use();
    // What the monitor and the metrics hear of a batch, they hear in a later turn.
    await new Promise(setImmediate);
  };

  return {
    registry,
    monitor,
    quality,
    /** The alerts that the callback was given. */
    alerts,
    scrapes,
    target: new URL(server.url).host,
    work,
    /** Lets a worker die, so that there is something to tell about lanes. */
    killLane: () => backend.lanes.find(({ alive }) => alive)?.kill(),
    async close() {
      await server.close();
      await rollout.close();
      await writing.close();
      await router.close();
      for (const connection of watching) await connection.close();
      await quality.close();
      await monitor.close();
      await mended.close();
      await runner.close();
    },
  };
}

/** A bandit over two models of its own, with a shadow among its observers. It looks at the evidence when it is used. */
async function startRollout(registry: ReturnType<typeof createRegistry>) {
  const runner = (model: string) => createRunner({ model, backend: createMockBackend(), logger: silent });
  const champion = await runner('1');
  const challenger = await runner('2');
  const mirror = createShadow({
    champion,
    shadow: challenger,
    budget: { timeShare: 1, overlapShare: 1 },
    logger: silent,
  });
  const rollout = await createRollout({
    name: 'checkout',
    champion,
    challengers: { canary: challenger },
    strategy: thompson(),
    observers: [mirror],
    assignment: { overrides: { shown: 'champion' } },
    lookEveryMs: 1e9,
    logger: silent,
  });
  const writing = instrumentRollout(registry, rollout);
  return {
    async use() {
      const compared = new Promise((resolve) => mirror.shadowEvents.once('shadow-comparison', resolve));
      await rollout.run(
        rowsOf(1, () => 1),
        { key: 'shown' },
      );
      for (let request = 0; request < 20; request++) {
        const { rollout: how } = await rollout.run(rowsOf(1, () => request));
        rollout.reward(how.decisionId, request % 2);
      }
      await compared;
      await rollout.look();
    },
    async close() {
      await writing.close();
      await rollout.close();
      await mirror.close();
    },
  };
}

/** Families of every type, as a user registers them, with a unit, signed values and states that need escaping. */
function registerOwnFamilies(registry: ReturnType<typeof createRegistry>) {
  const orders = registry.counter({ name: 'shop_orders', help: 'Orders, "paid" or not.', labels: ['channel'] });
  const stock = registry.gauge({ name: 'shop_stock_ratio', unit: 'ratio', help: 'Part of the shelves that is full.' });
  const baskets = registry.histogram({
    name: 'shop_basket_euros',
    unit: 'euros',
    help: 'Baskets.',
    buckets: [1, 10, 100],
  });
  const cold = registry.gaugeHistogram({
    name: 'shop_cold_store_celsius',
    unit: 'celsius',
    help: 'Temperatures of the cold stores.',
    labels: ['site'],
    buckets: [-20, -18, 0],
  });
  const build = registry.info({ name: 'shop_build', help: 'The build that runs.', labels: ['commit'] });
  const feed = registry.stateSet({
    name: 'shop_feed_state',
    help: 'How the feed of prices is.',
    states: ['fresh', 'a "bit" late\\old', 'dead'],
  });
  build.bind({ commit: '8d7f2c1' });
  stock.bind().set(0.75);
  cold.bind({ site: 'north' }).set([3, 5, 1, 0], -172.5);
  feed.bind().set('a "bit" late\\old');
  return {
    use() {
      orders.bind({ channel: 'web' }).inc(3);
      baskets.bind().observe(12.5);
    },
  };
}
