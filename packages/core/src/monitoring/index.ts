export type { DriftEpisode, DriftState } from './alerts';
export type { BinReport, FeatureReport } from './attribution';
export { chiSquaredStatistic } from './distances/chi-squared';
export { type CompareCountsOptions, compareCounts } from './distances/compare-counts';
export { type CompareSamplesOptions, compareSamples } from './distances/compare-samples';
export type {
  Comparison,
  CountMethod,
  PermutationOptions,
  PValueMode,
  SampleMethod,
} from './distances/comparison';
export { countCategories } from './distances/count-categories';
export { cramersV } from './distances/cramers-v';
export { hellingerDistance } from './distances/hellinger';
export { jensenShannonDistance } from './distances/jensen-shannon';
export {
  type BinnedKolmogorovSmirnov,
  type KolmogorovSmirnovMode,
  kolmogorovSmirnovDistance,
  kolmogorovSmirnovOnBins,
  kolmogorovSmirnovPValue,
} from './distances/kolmogorov-smirnov';
export { lInfinityDistance } from './distances/l-infinity';
export { type MaximumMeanDiscrepancyOptions, maximumMeanDiscrepancy } from './distances/maximum-mean-discrepancy';
export { psi, psiPValue } from './distances/psi';
export { type CountedSamples, countByReferenceQuantiles } from './distances/quantile-bins';
export { totalVariationDistance } from './distances/total-variation';
export {
  normalizedWassersteinDistance,
  wassersteinDistance,
  wassersteinOnCounts,
} from './distances/wasserstein';
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
export { type AdjustPValuesOptions, adjustPValues } from './multiple-testing/adjust-p-values';
export type { Reference, ReferenceFeature, ReferenceInput } from './reference';
export { parseReference, serializeReference } from './reference-format';
export type { DriftReport, DriftSnapshot, FeatureSnapshot, SkippedRows } from './report';
