export type { DriftEpisode, DriftState } from './alerts';
export type {
  Alert,
  AlertEvidence,
  AlertFeature,
  AlertNotification,
  AlertReason,
  AlertSeverity,
} from './alerts/alert';
export { type CallbackContext, type CallbackSinkOptions, callbackSink } from './alerts/callback-sink';
export type { DeliveryCounts } from './alerts/delivery-queue';
export { instrumentAlerts } from './alerts/instrument-alerts';
export type { MuteMatch, MuteWindow } from './alerts/mutes';
export {
  type RetrainEventMap,
  type RetrainEvidence,
  type RetrainSink,
  type RetrainSinkOptions,
  type RetrainSkip,
  type RetrainStats,
  retrainSink,
} from './alerts/retrain-sink';
export { type AlertRouter, type AlertRouterHealth, type AlertSinkHealth, routeAlerts } from './alerts/route-alerts';
export type {
  AlertDeliverEvent,
  AlertDropEvent,
  AlertFailEvent,
  AlertRouterEventMap,
  AlertRouterOptions,
} from './alerts/router-options';
export type { AlertSink, DeliveryContext, DeliveryOutcome } from './alerts/sink';
export type { AlertFacts, AlertSource, AlertSourceOptions, SourceStateChange } from './alerts/source';
export type { WebhookFormat } from './alerts/webhook-body';
export type { WebhookSinkOptions } from './alerts/webhook-options';
export { type VerifyWebhookOptions, verifyWebhook } from './alerts/webhook-signature';
export { webhookSink } from './alerts/webhook-sink';
export type { BinReport, FeatureReport } from './attribution';
export { type AdwinDetector, type AdwinOptions, createAdwin } from './detectors/adwin';
export { type CusumDetector, type CusumOptions, createCusum } from './detectors/cusum';
export { createDdm, type DdmDetector, type DdmOptions } from './detectors/ddm';
export type { BinaryStreamDetector, DetectorState, StreamDetector } from './detectors/detector';
export { createEDetector, type EDetector, type EDetectorOptions } from './detectors/e-detector';
export { createEddm, type EddmDetector, type EddmOptions } from './detectors/eddm';
export { createHddmA, type HddmAOptions } from './detectors/hddm-a';
export { createHddmW, type HddmWOptions } from './detectors/hddm-w';
export { createKswin, type KswinDetector, type KswinOptions } from './detectors/kswin';
export { createPageHinkley, type PageHinkleyOptions } from './detectors/page-hinkley';
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
export type { DriftHistoryReport, EpisodeReport, HistoryPoint } from './drift-history';
export { createDriftMonitor } from './drift-monitor';
export type { DriftMonitorOptions, MeanTimeBetweenFalseAlarms } from './drift-options';
export { parseEmbeddingReference, serializeEmbeddingReference } from './embeddings/embedding-format';
export {
  createEmbeddingMonitor,
  type EmbeddingMonitor,
} from './embeddings/embedding-monitor';
export type { EmbeddingMonitorOptions, MmdOptions } from './embeddings/embedding-options';
export type { EmbeddingReference } from './embeddings/embedding-reference';
export type {
  DimensionShift,
  EmbeddingCause,
  EmbeddingDriftEndEvent,
  EmbeddingDriftStartEvent,
  EmbeddingEventMap,
  EmbeddingReport,
  EmbeddingSnapshot,
  EmbeddingStateChangeEvent,
  MmdResult,
  SkippedEmbeddings,
} from './embeddings/embedding-report';
export {
  type EmbeddingRows,
  type FitEmbeddingOptions,
  fitEmbeddingReference,
} from './embeddings/fit-embedding-reference';
export { type ImageFeaturesOptions, imageFeatureNames, imageFeatures } from './embeddings/image-features';
export { instrumentEmbeddings } from './embeddings/instrument-embeddings';
export type { MmdOutcome } from './embeddings/mmd-test';
export type { EmbeddingPlace } from './embeddings/watch-embeddings';
export {
  type BareRow,
  type FitReferenceOptions,
  fitReference,
  type ReferenceRows,
  type SeasonsToFit,
} from './fit-reference';
export type { DriftReportFormat, DriftReportOf, FullDriftReport } from './full-report';
export { instrumentMonitor } from './instrument';
export type { DriftMonitor, ObservedFeature } from './monitor';
export { type AdjustPValuesOptions, adjustPValues } from './multiple-testing/adjust-p-values';
export type { PerformanceAlert, PerformanceEpisode } from './performance/alert-board';
export type { PerformanceAlertRule } from './performance/alert-rules';
export {
  type CalibrationBin,
  type CalibrationBinning,
  type CalibrationError,
  calibrationError,
} from './performance/calibration-error';
export type { ClassReport } from './performance/confusion';
export { createPerformanceMonitor } from './performance/create-performance-monitor';
export { estimatePerformance, type UnlabelledRows } from './performance/estimated-performance';
export {
  type FitPerformanceReferenceOptions,
  fitPerformanceReference,
  type LabelledPrediction,
} from './performance/fit-performance-reference';
export { instrumentPerformance } from './performance/instrument-performance';
export type { MetricEstimate } from './performance/intervals';
export { calibrate, fitIsotonic, type IsotonicCurve } from './performance/isotonic';
export type { LabelCounts, PredictionCounts } from './performance/label-join';
export type { LabelLag } from './performance/lag-histogram';
export { expectedLoss, fitLossModel, type LossModel, type LossTree } from './performance/loss-model';
export { type MeanLoss, type RegressionErrors, regressionErrors } from './performance/losses';
export type { MetricEstimates } from './performance/measure';
export type { PerformanceMetric, PerformanceTask } from './performance/metric-names';
export type { PerformanceAlertEvent, PerformanceEventMap } from './performance/performance-events';
export type { PerformanceMonitor } from './performance/performance-monitor';
export type { PerformanceMonitorOptions } from './performance/performance-options';
export type { PerformanceReference, ReferenceMetric, ReferenceMetrics } from './performance/performance-reference';
export {
  checkPerformanceReference,
  parsePerformanceReference,
  serializePerformanceReference,
} from './performance/performance-reference-format';
export type { PartReport, PerformanceSnapshot } from './performance/performance-report';
export type { ClassLabel, Prediction } from './performance/prediction';
export { type Ranking, rankScores } from './performance/ranking';
export type { PredictionReader } from './performance/read-record';
export type { SliceBy, SliceOptions, SlicePart } from './performance/slices';
export type { TaskOptions } from './performance/task-options';
export type { AttachOptions, PredictedBatchRow, PredictionDetails } from './predictions/log-watch';
export { createMemorySink } from './predictions/memory-sink';
export { createPredictionLog, type PredictionFilter, type PredictionLog } from './predictions/prediction-log';
export type { PredictionLogEventMap, PredictionLogStats, RecordOutcome } from './predictions/prediction-log-events';
export type { PredictionLogOptions } from './predictions/prediction-log-options';
export type { LoggedValue, LoggedValues, PredictionRecord, TensorSummary } from './predictions/prediction-record';
export type { Erasure, PredictionLimits, PredictionSink, SinkContext, SinkUsage } from './predictions/prediction-sink';
export type { PredictionDraft } from './predictions/record-draft';
export type { Redaction } from './predictions/redaction';
export { createRollingSink, type RollingSinkOptions } from './predictions/rolling-sink';
export type { RollingFile, RollingStore, StoredEntry } from './predictions/rolling-store';
export type { KeepValues } from './predictions/row-values';
export {
  type DataRecord,
  type InferSchemaOptions,
  inferSchema,
  type SchemaRows,
} from './quality/infer-schema';
export { instrumentQuality } from './quality/instrument-quality';
export type {
  CheckChangeEvent,
  QualityEventMap,
  QualityModelChangeEvent,
  QualityStateChangeEvent,
} from './quality/quality-events';
export { createQualityMonitor, type QualityMonitor } from './quality/quality-monitor';
export type { QualityMonitorOptions } from './quality/quality-options';
export type {
  CheckReport,
  CheckSnapshot,
  FreshnessSnapshot,
  QualityExample,
  QualityReport,
  QualitySnapshot,
  QualityState,
  UncheckedRows,
} from './quality/quality-report';
export type {
  CategoryRule,
  ConstantRule,
  FieldRule,
  FreshnessRule,
  LengthRule,
  MissingRule,
  MonotoneRule,
  PatternRule,
  QualityRule,
  RangeRule,
  RecordRule,
  RuleOptions,
  TypeRule,
  UniqueRule,
  ValueRule,
} from './quality/rules';
export type {
  Category,
  DataSchema,
  FieldSchema,
  FieldTolerances,
  FieldType,
  SchemaInput,
} from './quality/schema';
export { parseSchema, serializeSchema } from './quality/schema-format';
export {
  type SchemaFromZodOptions,
  schemaFromZod,
  type ZodObjectSchema,
  type ZodQuality,
} from './quality/schema-from-zod';
export type {
  Reference,
  ReferenceFeature,
  ReferenceInput,
  SeasonalReferences,
} from './reference';
export { parseReference, serializeReference } from './reference-format';
export type { DriftReport, DriftSnapshot, FeatureSnapshot, SkippedRows } from './report';
export type { SeasonKind } from './seasons';
export type { Category as SketchCategory, CategoryJson as SketchCategoryJson } from './sketches/category';
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
