export type { DriftEpisode, DriftState } from './alerts';
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
export { instrumentMonitor } from './instrument';
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
