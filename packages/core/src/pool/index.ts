export { type InstrumentablePool, instrumentPool } from './instrument-pool';
export type {
  HedgeOptions,
  OutlierOptions,
  PoolCircuitOptions,
  PoolEndpoint,
  PoolOptions,
} from './options';
export type { OutlierReason } from './outliers';
export { createPool, type PoolRunner } from './pool';
export type { EndpointDescription, EndpointState, PoolDescription, PoolEventMap, PoolStats } from './result';
