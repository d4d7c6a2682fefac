import {
  createEmbeddingMonitor,
  createPerformanceMonitor,
  fitEmbeddingReference,
  instrumentEmbeddings,
  instrumentPerformance,
} from '@fairlead/core/monitoring';
import { expect, it } from 'vitest';
import { instrumentedRegistry } from './instrumented.fixture';

/** Gauges of which two processes have no sum: what is measured on a window, a level, an age, a mean time. */
const measured = /_(ratio|score|log10|loss|squared|p_value|duration_seconds|latency_seconds|freshness_seconds)$/;

it('a gauge that is measured, and not counted, is not added up over the processes of a cluster', async () => {
  const registry = await instrumentedRegistry();
  const vectors = Array.from({ length: 200 }, (_, row) => Float32Array.of(Math.sin(row), Math.cos(3 * row)));
  const performance = createPerformanceMonitor({ task: 'binary' });
  const embeddings = createEmbeddingMonitor({ reference: await fitEmbeddingReference(vectors) });
  instrumentPerformance(registry, performance);
  instrumentEmbeddings(registry, embeddings);
  const gauges = registry.describe().filter(({ name, type }) => type === 'gauge' && measured.test(name));
  expect(gauges.length).toBeGreaterThan(20);
  expect(gauges.filter(({ aggregation }) => aggregation === 'sum').map(({ name }) => name)).toEqual([]);
  const ways = new Map(gauges.map(({ name, aggregation }) => [name, aggregation]));
  expect(ways.get('ml_drift_evidence_log10')).toBe('max');
  expect(ways.get('ml_data_freshness_seconds')).toBe('min');
  expect(ways.get('ml_performance_ratio')).toBe('by-process');
  await performance.close();
  await embeddings.close();
});
