import { type Closeable, closeable } from '../lifecycle';
import { durationBuckets, exponentialBuckets, type Registry } from '../metrics';
import { labelsOf, modelLabelNames } from '../metrics/model-labels';
import type { FeaturesJoinEvent } from './events';
import type { FeatureRunner } from './with-features';

/** A runner of `withFeatures`. */
export type InstrumentableFeatures = Pick<FeatureRunner, 'featureEvents' | 'featureStats' | 'model'>;

/** Ages from 1 second to 12 days, in seconds. */
const ageBuckets = exponentialBuckets(1, 4, 11);

/**
 * Keeps metrics of features and of their store, written as they are used.
 *
 * | Family | Labels | Meaning |
 * |---|---|---|
 * | `ml_feature_age_seconds` | model, `feature` | age of each value at its use, by its own time, those included that were too old |
 * | `ml_feature_values_total` | model, `feature`, `outcome` | values by what became of them: `used`, `missing`, `stale`, `unread` |
 * | `ml_feature_wait_seconds` | model | how long requests waited for their features |
 * | `ml_feature_store_read_seconds` | `store` | how long reads of the store took, failed ones included |
 * | `ml_feature_store_entities_total`, `ml_feature_store_errors_total{code}` | `store` | entities that were asked of the store; reads that failed |
 * | `ml_feature_cache_hits_total` | `store` | entities that a request found in this process |
 *
 * The labels of a model are `model_name` and `model_version`, those of the model that is in use at the moment.
 *
 * @returns closing it stops the recording; what was written stays
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentFeatures(registry: Registry, runner: InstrumentableFeatures): Closeable {
  const ages = registry.histogram({
    name: 'ml_feature_age_seconds',
    unit: 'seconds',
    help: 'Age of the value of a feature at its use.',
    labels: [...modelLabelNames, 'feature'],
    buckets: ageBuckets,
  });
  const values = registry.counter({
    name: 'ml_feature_values',
    help: 'Values of features that requests needed, by what became of them.',
    labels: [...modelLabelNames, 'feature', 'outcome'],
  });
  const waits = registry.histogram({
    name: 'ml_feature_wait_seconds',
    unit: 'seconds',
    help: 'Time that requests waited for their features.',
    labels: modelLabelNames,
    buckets: durationBuckets,
  });
  const readTimes = registry.histogram({
    name: 'ml_feature_store_read_seconds',
    unit: 'seconds',
    help: 'Time that reads of a feature store took.',
    labels: ['store'],
    buckets: durationBuckets,
  });
  const entities = registry.counter({
    name: 'ml_feature_store_entities',
    help: 'Entities that were asked of a feature store.',
    labels: ['store'],
  });
  const errors = registry.counter({
    name: 'ml_feature_store_errors',
    help: 'Reads of a feature store that failed.',
    labels: ['store', 'code'],
  });
  const hits = registry.counter({
    name: 'ml_feature_cache_hits',
    help: 'Entities whose features were kept in this process.',
    labels: ['store'],
  });

  let counted = runner.featureStats().cacheHits;
  const countHits = (store: string): void => {
    const { cacheHits } = runner.featureStats();
    if (cacheHits > counted) hits.bind({ store }).inc(cacheHits - counted);
    counted = cacheHits;
  };

  const writeJoin = ({ model, store, rows, features, outcomes, agesMs, waitedMs }: FeaturesJoinEvent): void => {
    const of = labelsOf(model);
    for (const [place, feature] of features.entries()) {
      const age = ages.bind({ ...of, feature });
      for (let row = 0; row < rows; row++) {
        const slot = row * features.length + place;
        const ageMs = agesMs[slot] as number;
        if (!Number.isNaN(ageMs)) age.observe(ageMs / 1000);
        values.bind({ ...of, feature, outcome: outcomes[slot] as string }).inc();
      }
    }
    waits.bind(of).observe(waitedMs / 1000);
    countHits(store);
  };

  const stops = [
    runner.featureEvents.on('features-join', writeJoin),
    runner.featureEvents.on('store-read', ({ store, entities: count, durationMs, error }) => {
      readTimes.bind({ store }).observe(durationMs / 1000);
      entities.bind({ store }).inc(count);
      if (error !== undefined) errors.bind({ store, code: error.code }).inc();
    }),
  ];
  return closeable(() => {
    for (const stop of stops) stop();
  });
}
