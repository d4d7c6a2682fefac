export { trackingStoreConformance } from './tracking-store-conformance';
export {
  keepsEverything,
  type StoreKeeps,
  type TrackingStoreConformanceOptions,
  type TrackingStorePlace,
} from './tracking-store-place';
