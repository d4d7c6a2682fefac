export type { FeatureEventMap, FeatureOutcome, FeaturesJoinEvent, StoreReadEvent } from './events';
export {
  describeEntity,
  type Entity,
  type FeatureElement,
  type FeatureRow,
  type FeatureStore,
  type FeatureValue,
  type KeyValue,
  type StoredFeature,
} from './feature-store';
export { type InstrumentableFeatures, instrumentFeatures } from './instrument-features';
export {
  createMemoryFeatureStore,
  type FeatureWriteOptions,
  type MemoryFeatureStore,
  type MemoryFeatureStoreOptions,
} from './memory-feature-store';
export type { EntitiesOf, EntitySource, FeatureCacheOptions, FeatureOptions, FeatureSpec } from './options';
export { checkEntity, isFeatureValue } from './values';
export { type FeatureRunner, type FeatureStats, withFeatures } from './with-features';
