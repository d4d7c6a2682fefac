import { type Closeable, closeable } from '../lifecycle';
import type { CounterHandle, Registry } from '../metrics';
import { followStats, type StatSource } from '../metrics/follow-stats';
import { modelLabelNames } from '../metrics/model-labels';
import type { ModelRunner } from '../runner/runner';
import type { EndpointDescription, EndpointState, PoolDescription, PoolStats } from './result';

/** A runner of {@link createPool}. */
export interface InstrumentablePool extends Pick<ModelRunner, 'model' | 'events'> {
  poolStats(): PoolStats;
  describe(): PoolDescription;
}

const states: readonly EndpointState[] = ['connecting', 'ready', 'ejected', 'open', 'half-open'];

/**
 * Keeps metrics of a pool, filled whenever the registry is collected. Every family has the labels `model_name` and
 * `model_version`.
 *
 * | Family | Meaning |
 * |---|---|
 * | `ml_pool_requests_total`, `ml_pool_failures_total` | requests, and those that got no answer |
 * | `ml_pool_retries_total`, `ml_pool_recoveries_total`, `ml_pool_give_ups_total{reason}` | attempts after a failed one, requests that one of them answered, and those that got none, because attempts, budget or endpoints were used up |
 * | `ml_pool_hedges_total`, `ml_pool_hedges_won_total` | requests sent to a second endpoint for taking long, and those that it answered first |
 * | `ml_pool_ejections_total{reason}` | times that an endpoint was put aside |
 * | `ml_pool_endpoint_state{endpoint}` | `connecting`, `ready`, `ejected`, `open` or `half-open` |
 * | `ml_pool_endpoint_answers_total{endpoint}`, `ml_pool_endpoint_failures_total{endpoint}` | what each endpoint answered, and failures that count against it |
 * | `ml_pool_endpoint_in_flight{endpoint}`, `ml_pool_endpoint_latency_seconds{endpoint}` | requests it has, and how long it takes at present |
 *
 * @returns closing it stops the recording and takes back gauges and states; counters stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentPool(registry: Registry, pool: InstrumentablePool): Closeable {
  const labels = modelLabelNames;
  const counter = (name: string, help: string, read: (stats: PoolStats) => number): StatSource<CounterHandle> => {
    const family = registry.counter({ name, help, labels });
    return { read: () => read(pool.poolStats()), bind: (of) => family.bind(of) };
  };
  const givenUp = registry.counter({
    name: 'ml_pool_give_ups',
    help: 'Requests that might have been tried again and were not, by what was used up.',
    labels: [...labels, 'reason'],
  });
  const ejections = registry.counter({
    name: 'ml_pool_ejections',
    help: 'Times that an endpoint was put aside, by why.',
    labels: [...labels, 'reason'],
  });
  const byEndpoint = [...labels, 'endpoint'];
  const answers = registry.counter({
    name: 'ml_pool_endpoint_answers',
    help: 'Requests that an endpoint answered.',
    labels: byEndpoint,
  });
  const failures = registry.counter({
    name: 'ml_pool_endpoint_failures',
    help: 'Failures that count against an endpoint.',
    labels: byEndpoint,
  });
  const inFlight = registry.gauge({
    name: 'ml_pool_endpoint_in_flight',
    help: 'Requests that an endpoint has.',
    labels: byEndpoint,
  });
  const latency = registry.gauge({
    name: 'ml_pool_endpoint_latency_seconds',
    help: 'How long an endpoint takes at present: the average that the choice goes by.',
    unit: 'seconds',
    labels: byEndpoint,
    aggregation: 'max',
  });
  const state = registry.stateSet({
    name: 'ml_pool_endpoint_state',
    help: 'How an endpoint stands.',
    labels: byEndpoint,
    states,
  });
  const names = pool.describe().endpoints.map(({ name }) => name);
  const endpointOf = (name: string): EndpointDescription =>
    pool.describe().endpoints.find((each) => each.name === name) as EndpointDescription;

  const following = followStats(registry, pool, {
    counters: [
      counter('ml_pool_requests', 'Requests to the pool.', ({ requests }) => requests),
      counter('ml_pool_failures', 'Requests that got no answer.', (stats) => stats.failures),
      counter('ml_pool_retries', 'Attempts after a failed one.', ({ retries }) => retries),
      counter('ml_pool_recoveries', 'Requests that a later attempt answered.', ({ recovered }) => recovered),
      counter(
        'ml_pool_hedges',
        'Requests that were sent to a second endpoint for taking long.',
        ({ hedges }) => hedges,
      ),
      counter('ml_pool_hedges_won', 'Requests that the second endpoint answered first.', ({ hedgesWon }) => hedgesWon),
      ...(['attempts', 'budget', 'endpoints'] as const).map(
        (reason): StatSource<CounterHandle> => ({
          read: () => pool.poolStats().givenUp[reason],
          bind: (of) => givenUp.bind({ ...of, reason }),
        }),
      ),
      ...(['failures', 'slow'] as const).map(
        (reason): StatSource<CounterHandle> => ({
          read: () => pool.poolStats().ejections[reason],
          bind: (of) => ejections.bind({ ...of, reason }),
        }),
      ),
      ...names.flatMap((endpoint): StatSource<CounterHandle>[] => [
        { read: () => endpointOf(endpoint).answers, bind: (of) => answers.bind({ ...of, endpoint }) },
        { read: () => endpointOf(endpoint).failures, bind: (of) => failures.bind({ ...of, endpoint }) },
      ]),
    ],
    gauges: names.flatMap((endpoint) => [
      { read: () => endpointOf(endpoint).inFlight, bind: (of) => inFlight.bind({ ...of, endpoint }) },
      { read: () => endpointOf(endpoint).latencyMs / 1000, bind: (of) => latency.bind({ ...of, endpoint }) },
    ]),
    onWrite(of) {
      for (const { name: endpoint, state: now } of pool.describe().endpoints) state.bind({ ...of, endpoint }).set(now);
    },
    onLeave(of) {
      for (const endpoint of names) state.remove({ ...of, endpoint });
    },
  });
  return closeable(() => following.close());
}
