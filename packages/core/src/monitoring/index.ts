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
export type { Reference, ReferenceFeature, ReferenceInput } from './reference';
export { parseReference, serializeReference } from './reference-format';
export type { DriftReport, DriftSnapshot, FeatureSnapshot, SkippedRows } from './report';
