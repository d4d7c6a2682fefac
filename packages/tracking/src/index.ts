export type { LogArtifactsOptions, LoggedArtifact } from './artifacts/log-folder';
export { formatModelCard, parseModelCard } from './cards/card-text';
export { type CardRun, type ModelCardOptions, modelCard } from './cards/generate-card';
export type { CardMetric, CardResult, ModelCard } from './cards/model-card';

export type { OverflowPolicy } from './embedded/segment-writer';
export type {
  DatasetNode,
  DeploymentNode,
  Lineage,
  LineageEdge,
  LineageGraph,
  LineageNode,
  LineageOptions,
  ModelNode,
  RunNode,
} from './lineage/lineage';
export { openTracker } from './open-tracker';
export type {
  ApproveOptions,
  CheckAnswer,
  CheckGate,
  ModelRegistry,
  PromoteOptions,
  SetAliasOptions,
} from './registry/model-registry';
export type {
  Annotation,
  Approval,
  Deployment,
  DeploymentDraft,
  EvaluationDraft,
  ModelVersion,
  RegisteredModel,
  VersionDraft,
} from './registry/model-version';
export type { DatasetDraft } from './run/dataset-draft';
export type { RawImage } from './run/media/encode-png';
export type { Figure } from './run/media/figure';
export type { ImageSource } from './run/media/image';
export type { TableData } from './run/media/table';
export type { FlushOptions, LogOptions, Run, RunHealth } from './run/run';
export type { LoggedMedia, MediaOptions, RunMedia } from './run/run-media';
export type { RunStartOptions, TypedRunStartOptions } from './run/run-options';
export type { EndSignal } from './run/signals';
export type {
  ComparedDataset,
  ComparedMetric,
  ComparedRun,
  ComparedValue,
  CompareOptions,
  MetricDirection,
  RunComparison,
} from './search/compare-runs';
export { formatComparison } from './search/comparison-text';
export { compileFilter, type RunPredicate } from './search/compile-filter';
export {
  and,
  type DatasetField,
  field,
  type MetricField,
  not,
  or,
  type ParamField,
  type QueryStatus,
  type TextField,
  type TimeField,
} from './search/field-builder';
export { type FormatFilterOptions, formatFilter, formatOrder } from './search/format-filter';
export { compileOrder } from './search/order';
export { parseFilter, parseOrder } from './search/parse-filter';
export type { FilterNode, FilterOperator, OrderTerm, RunField, RunPage, RunQuery } from './search/query';
export type { ColumnValue, SearchOptions, SearchRow } from './search/search-options';
export { pageOf, searchRuns } from './search/search-runs';
export type {
  ArtifactPlace,
  ArtifactRef,
  ArtifactSource,
  ArtifactStore,
  ArtifactStreamOptions,
  BlobInfo,
  KeptBlob,
  PutOptions,
  UploadProgress,
} from './store/artifact-store';
export type { ApprovalsGate, EvaluationGate, Gate, GateResult, MetricGate } from './store/gate';
export type {
  CheckReport,
  CollectGarbageOptions,
  CompactOptions,
  CompactReport,
  GarbageItem,
  GarbageReport,
  StoreMaintenance,
  StoreProblem,
} from './store/maintenance';
export { RegistryState } from './store/registry-state';
export type {
  AliasMove,
  CommitResult,
  DatasetRef,
  Evaluation,
  RegistryChange,
  RegistryStore,
  StoredModel,
  StoredVersion,
  VersionContent,
  VersionRef,
} from './store/registry-store';
export type {
  ArtifactKind,
  DatasetInput,
  Durability,
  EndStatus,
  ExperimentSummary,
  HistoryOptions,
  MetricHistory,
  MetricSummary,
  ModelUse,
  ParamValue,
  PointColumns,
  RunError,
  RunEvent,
  RunStart,
  RunStore,
  RunWriter,
  StoreDamage,
  StoredArtifact,
  StoredRun,
  WriterHealth,
} from './store/run-store';
export type { StoreLimits, TrackingStore } from './store/tracking-store';

export type { SyncOptions, SyncProgress, SyncReport } from './sync/sync-report';

export type {
  RegistryEvent,
  RunArtifact,
  RunFilter,
  RunRecord,
  RunStatus,
  RunSummary,
  SearchPage,
  Tracker,
  TrackerEventMap,
} from './tracker';
export type {
  CommonTrackerOptions,
  EmbeddedTrackerOptions,
  MlflowTrackerOptions,
  RelayTrackerOptions,
  StoreTrackerOptions,
  TrackerOptions,
} from './tracker-options';
