import type { Closeable } from '../lifecycle';
import type { Registry } from '../metrics';
import { followStats } from '../metrics/follow-stats';
import { modelLabelNames } from '../metrics/model-labels';
import type { ModelRunner } from '../runner/runner';
import type { CacheStats } from './with-cache';

/** A runner with a cache around it. */
export interface InstrumentableCache extends Pick<ModelRunner, 'model' | 'events'> {
  cacheStats(): CacheStats;
}

/**
 * Keeps metrics of a cache, filled whenever the registry is collected. Every family has the labels `model_name` and
 * `model_version`; what was counted until a swap counts for the version before it.
 *
 * | Family | Meaning, and the name in Triton that it mirrors |
 * |---|---|
 * | `ml_cache_hits_total` | requests answered from memory (`nv_cache_num_hits_per_model`) |
 * | `ml_cache_misses_total` | requests that were computed (`nv_cache_num_misses_per_model`) |
 * | `ml_cache_joined_total` | requests that waited for an equal one which was being computed |
 * | `ml_cache_entries`, `ml_cache_bytes` | answers held, and what they and their inputs take |
 *
 * Requests that a cache answers make no batches: the families of `instrumentRunner` count what got past it. Several caches
 * may share a registry; their values of one model version add up.
 *
 * @returns closing it stops the recording and takes back the gauges; counters stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentCache(registry: Registry, cached: InstrumentableCache): Closeable {
  const labels = modelLabelNames;
  const hits = registry.counter({ name: 'ml_cache_hits', help: 'Requests that were answered from memory.', labels });
  const misses = registry.counter({
    name: 'ml_cache_misses',
    help: 'Requests that were computed because no equal one was remembered.',
    labels,
  });
  const joined = registry.counter({
    name: 'ml_cache_joined',
    help: 'Requests that waited for an equal one which was being computed.',
    labels,
  });
  const entries = registry.gauge({ name: 'ml_cache_entries', help: 'Answers that are remembered.', labels });
  const bytes = registry.gauge({
    name: 'ml_cache_bytes',
    unit: 'bytes',
    help: 'Memory that the remembered answers and their inputs take.',
    labels,
  });
  return followStats(registry, cached, {
    counters: [
      { read: () => cached.cacheStats().hits, bind: (of) => hits.bind(of) },
      { read: () => cached.cacheStats().misses, bind: (of) => misses.bind(of) },
      { read: () => cached.cacheStats().joined, bind: (of) => joined.bind(of) },
    ],
    gauges: [
      { read: () => cached.cacheStats().entries, bind: (of) => entries.bind(of) },
      { read: () => cached.cacheStats().bytes, bind: (of) => bytes.bind(of) },
    ],
  });
}
