export { type BackendConformanceOptions, backendConformance, type ConformanceCase } from './backend-conformance';
export {
  createMockBackend,
  type MockBackend,
  type MockBackendOptions,
  type MockCall,
  type MockLane,
  mockModel,
} from './mock-backend';
export {
  type PredictionSinkConformanceOptions,
  type PredictionSinkPlace,
  predictionSinkConformance,
} from './prediction-sink-conformance';
export {
  type RolloutStoreConformanceOptions,
  type RolloutStorePlace,
  rolloutStoreConformance,
} from './rollout-store-conformance';
export { createVirtualClock, type VirtualClock } from './virtual-clock';
