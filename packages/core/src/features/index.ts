export type { FeatureEventMap, FeatureOutcome, FeaturesJoinEvent, StoreReadEvent } from './events';
export type {
  Entity,
  FeatureElement,
  FeatureRow,
  FeatureStore,
  FeatureValue,
  KeyValue,
  StoredFeature,
} from './feature-store';
export { type InstrumentableFeatures, instrumentFeatures } from './instrument-features';
export {
  createMemoryFeatureStore,
  type FeatureWriteOptions,
  type MemoryFeatureStore,
  type MemoryFeatureStoreOptions,
} from './memory-feature-store';
export type { EntitiesOf, EntitySource, FeatureCacheOptions, FeatureOptions, FeatureSpec } from './options';
export { type FeatureRunner, type FeatureStats, withFeatures } from './with-features';
