export { type InstrumentableCache, instrumentCache } from './instrument-cache';
export { type CachedRunner, type CacheOptions, type CacheStats, withCache } from './with-cache';
