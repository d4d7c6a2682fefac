export { type FeastFeatureStoreOptions, feastFeatureStore } from './feast-feature-store';
export type { IoRedisClient, NodeRedisClient } from './redis-clients';
export {
  type RedisFeatureStore,
  type RedisFeatureStoreOptions,
  type RedisWriteOptions,
  redisFeatureStore,
} from './redis-feature-store';
