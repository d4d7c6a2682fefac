export type { CircuitState, SampledFailures } from './circuit';
export {
  type FallbackEventMap,
  type FallbackOptions,
  type FallbackRunner,
  type FallbackStats,
  fallback,
  type RunnerFallbackEvent,
} from './fallback';
export { type InstrumentableStage, instrumentResilience } from './instrument-resilience';
export { type BulkheadOptions, type BulkheadRunner, type BulkheadStats, withBulkhead } from './with-bulkhead';
export {
  type CircuitBreakerOptions,
  type CircuitBreakerRunner,
  type CircuitEventMap,
  type CircuitOpenEvent,
  type CircuitStats,
  withCircuitBreaker,
} from './with-circuit-breaker';
export {
  type RequestRetryEvent,
  type RetryBudgetOptions,
  type RetryEventMap,
  type RetryOptions,
  type RetryRunner,
  type RetryStats,
  withRetry,
} from './with-retry';
export { type TimeoutOptions, type TimeoutRunner, type TimeoutStats, withTimeout } from './with-timeout';
