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
export type { Reference, ReferenceFeature, ReferenceInput } from './reference';
export { parseReference, serializeReference } from './reference-format';
export type { DriftReport, DriftSnapshot, FeatureSnapshot, SkippedRows } from './report';
