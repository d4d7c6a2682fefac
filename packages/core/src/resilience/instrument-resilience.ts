import { FairleadError } from '../errors';
import { type Closeable, closeable } from '../lifecycle';
import type { CounterHandle, GaugeHandle, Registry } from '../metrics';
import { followStats, type StatSource, type StatSources } from '../metrics/follow-stats';
import { type ModelLabels, modelLabelNames } from '../metrics/model-labels';
import type { ModelRunner } from '../runner/runner';
import type { FallbackStats } from './fallback';
import type { BulkheadStats } from './with-bulkhead';
import type { CircuitStats } from './with-circuit-breaker';
import type { RetryStats } from './with-retry';
import type { TimeoutStats } from './with-timeout';

/** A stage of this folder; each has the statistics of its kind. */
export interface InstrumentableStage extends Pick<ModelRunner, 'model' | 'events'> {
  retryStats?(): RetryStats;
  circuitStats?(): CircuitStats;
  bulkheadStats?(): BulkheadStats;
  timeoutStats?(): TimeoutStats;
  fallbackStats?(): FallbackStats;
}

/** Makes the sources of one kind of stage; undefined for a stage of another kind. */
type SourcesOf = (registry: Registry, stage: InstrumentableStage) => StatSources | undefined;

/**
 * Keeps metrics of a stage, whichever of this folder's it is, filled whenever the registry is collected. Stages around
 * stages are instrumented one by one. Every family has the labels `model_name` and `model_version`; what was counted until
 * a swap counts for the version before it.
 *
 * | Family | Stage and meaning |
 * |---|---|
 * | `ml_retries_total`, `ml_retry_recoveries_total`, `ml_retry_give_ups_total{reason}` | `withRetry`: further attempts, requests that one of them answered, and those that got none, because attempts, budget or time were used up |
 * | `ml_circuit_state` | `withCircuitBreaker`: `closed`, `open` or `half_open` |
 * | `ml_circuit_failures_total`, `ml_circuit_openings_total`, `ml_circuit_refusals_total` | failures that count, how often it opened, requests turned away |
 * | `ml_bulkhead_running`, `ml_bulkhead_queued` | `withBulkhead`: requests inside, and those that wait |
 * | `ml_bulkhead_refusals_total`, `ml_bulkhead_expiries_total` | requests turned away, and those whose time ran out in the queue |
 * | `ml_timeouts_total` | `withTimeout`: requests that it ended |
 * | `ml_fallbacks_total`, `ml_fallback_answers_total`, `ml_fallback_too_late_total` | `fallback`: requests that the second runner was asked, that it answered, and that it was not asked any more for want of time |
 *
 * @returns closing it stops the recording and takes back gauges and states; counters stay
 * @throws FairleadError `INVALID_ARGUMENT` for a runner without such statistics; `ALREADY_EXISTS` when the registry has
 * other families of these names
 */
export function instrumentResilience(registry: Registry, stage: InstrumentableStage): Closeable {
  const kinds: readonly SourcesOf[] = [ofRetries, ofCircuit, ofBulkhead, ofTimeout, ofFallback];
  const sources = kinds.map((kind) => kind(registry, stage)).filter((found) => found !== undefined);
  if (sources.length === 0) {
    const expected = 'a runner of withRetry, withCircuitBreaker, withBulkhead, withTimeout or fallback';
    throw new FairleadError('INVALID_ARGUMENT', `instrumentResilience: expected ${expected}, given another one.`, {
      details: { field: 'stage', expected, given: 'another runner' },
    });
  }
  const following = sources.map((source) => followStats(registry, stage, source));
  return closeable(async () => {
    for (const each of following) await each.close();
  });
}

const labels = modelLabelNames;

/** A counter of its own name. */
function counter(registry: Registry, name: string, help: string, read: () => number): StatSource<CounterHandle> {
  const family = registry.counter({ name, help, labels });
  return { read, bind: (of) => family.bind(of) };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): StatSource<GaugeHandle> {
  const family = registry.gauge({ name, help, labels });
  return { read, bind: (of) => family.bind(of) };
}

const ofRetries: SourcesOf = (registry, { retryStats: stats }) => {
  if (stats === undefined) return undefined;
  const givenUp = registry.counter({
    name: 'ml_retry_give_ups',
    help: 'Requests that might have been tried again and were not, by what was used up.',
    labels: [...labels, 'reason'],
  });
  const gaveUp = (reason: keyof RetryStats['givenUp']): StatSource<CounterHandle> => ({
    read: () => stats().givenUp[reason],
    bind: (of) => givenUp.bind({ ...of, reason }),
  });
  return {
    counters: [
      counter(registry, 'ml_retries', 'Attempts after the first one of a request.', () => stats().retries),
      counter(
        registry,
        'ml_retry_recoveries',
        'Requests that were answered by a later attempt than the first.',
        () => stats().recovered,
      ),
      gaveUp('attempts'),
      gaveUp('budget'),
      gaveUp('time'),
    ],
    gauges: [],
  };
};

const ofCircuit: SourcesOf = (registry, { circuitStats: stats }) => {
  if (stats === undefined) return undefined;
  const state = registry.stateSet({
    name: 'ml_circuit_state',
    help: 'Whether requests pass the circuit breaker.',
    labels,
    states: ['closed', 'open', 'half_open'],
  });
  return {
    counters: [
      counter(registry, 'ml_circuit_failures', 'Failures that count against a runner.', () => stats().failures),
      counter(registry, 'ml_circuit_openings', 'How often the circuit opened.', () => stats().opened),
      counter(registry, 'ml_circuit_refusals', 'Requests that the circuit turned away.', () => stats().refused),
    ],
    gauges: [],
    onWrite(of: ModelLabels) {
      const now = stats().state;
      state.bind(of).set(now === 'half-open' ? 'half_open' : now);
    },
    onLeave: (of: ModelLabels) => void state.remove(of),
  };
};

const ofBulkhead: SourcesOf = (registry, { bulkheadStats: stats }) => {
  if (stats === undefined) return undefined;
  return {
    counters: [
      counter(registry, 'ml_bulkhead_refusals', 'Requests that found the queue full.', () => stats().refused),
      counter(registry, 'ml_bulkhead_expiries', 'Requests whose time ran out in the queue.', () => stats().expired),
    ],
    gauges: [
      gauge(registry, 'ml_bulkhead_running', 'Requests inside the bulkhead.', () => stats().running),
      gauge(registry, 'ml_bulkhead_queued', 'Requests that wait for a place in the bulkhead.', () => stats().queued),
    ],
  };
};

const ofTimeout: SourcesOf = (registry, { timeoutStats: stats }) => {
  if (stats === undefined) return undefined;
  const help = 'Requests that were ended because the runner had not answered.';
  return { counters: [counter(registry, 'ml_timeouts', help, () => stats().timeouts)], gauges: [] };
};

const ofFallback: SourcesOf = (registry, { fallbackStats: stats }) => {
  if (stats === undefined) return undefined;
  return {
    counters: [
      counter(registry, 'ml_fallbacks', 'Requests that the second runner was asked.', () => stats().fallbacks),
      counter(registry, 'ml_fallback_answers', 'Requests that the second runner answered.', () => stats().mended),
      counter(
        registry,
        'ml_fallback_too_late',
        'Requests that the second runner was not asked any more, because too little time was left.',
        () => stats().tooLate,
      ),
    ],
    gauges: [],
  };
};
