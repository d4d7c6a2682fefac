export type { DriftEpisode, DriftState } from './alerts';
export type { BinReport, FeatureReport } from './attribution';
export {
  type BinnedKolmogorovSmirnov,
  kolmogorovSmirnovOnBins,
  kolmogorovSmirnovPValue,
} from './distances/kolmogorov-smirnov';
export { psi, psiPValue } from './distances/psi';
export type {
  DriftEndEvent,
  DriftEventMap,
  DriftStartEvent,
  ReferenceChangeEvent,
  ReferenceFailEvent,
  StateChangeEvent,
} from './drift-events';
export { createDriftMonitor, type DriftMonitor } from './drift-monitor';
export type { DriftMonitorOptions } from './drift-options';
export { type BareRow, type FitReferenceOptions, fitReference, type ReferenceRows } from './fit-reference';
export { instrumentMonitor } from './instrument';
export type { Reference, ReferenceFeature, ReferenceInput } from './reference';
export { parseReference, serializeReference } from './reference-format';
export type { DriftReport, DriftSnapshot, FeatureSnapshot, SkippedRows } from './report';
export type { Category, CategoryJson } from './sketches/category';
export { createLogBuckets, type LogBucketsOptions, logBucketsFromJson } from './sketches/create-log-buckets';
export {
  createFeatureSketch,
  type FeatureSketch,
  type FeatureSketchOptions,
  type FeatureSketchParts,
} from './sketches/feature-sketch';
export {
  featureSketchFromJson,
  type ParseFeatureSketchOptions,
  parseFeatureSketch,
  serializeFeatureSketch,
} from './sketches/feature-sketch-format';
export type { FeatureSketchJson, FeatureSummary, FeatureValue } from './sketches/feature-sketch-types';
export {
  createHeavyHitters,
  type HeavyHitters,
  type HeavyHittersOptions,
  heavyHittersFromJson,
} from './sketches/heavy-hitters';
export type { HeavyHitter, HeavyHittersJson } from './sketches/heavy-hitters-state';
export {
  createHyperLogLog,
  type HyperLogLog,
  type HyperLogLogJson,
  type HyperLogLogOptions,
  hyperLogLogFromJson,
} from './sketches/hyperloglog';
export type { LogBuckets } from './sketches/log-buckets';
export type { BucketRun, LogBucketsJson } from './sketches/log-buckets-state';
export type { CountEstimate, Rebinned } from './sketches/log-buckets-view';
export { createMoments, type Moments, type MomentsJson, momentsFromJson } from './sketches/moments';
export {
  createReservoir,
  type Reservoir,
  type ReservoirJson,
  type ReservoirOptions,
  reservoirFromJson,
} from './sketches/reservoir';
export {
  createWindow,
  type EndedWindow,
  type Mergeable,
  type RollingWindow,
  type WindowOptions,
} from './windows/window';
