export { type FileRolloutStoreOptions, fileRolloutStore } from './file-rollout-store';
export type {
  IoRedisRolloutClient,
  IoRedisSubscriber,
  NodeRedisRolloutClient,
  NodeRedisSubscriber,
} from './redis-clients';
export { type RedisRolloutStoreOptions, redisRolloutStore } from './redis-rollout-store';
