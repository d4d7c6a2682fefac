export { type CachedRunner, type CacheOptions, type CacheStats, withCache } from './with-cache';
