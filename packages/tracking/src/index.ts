export type { OverflowPolicy } from './embedded/segment-writer';
export { openTracker } from './open-tracker';
export type {
  ModelRegistry,
  ModelVersion,
  RegisteredModel,
  SetAliasOptions,
  VersionDraft,
} from './registry/model-registry';
export type { DatasetDraft } from './run/dataset-draft';
export type { RawImage } from './run/media/encode-png';
export type { Figure } from './run/media/figure';
export type { ImageSource } from './run/media/image';
export type { TableData } from './run/media/table';
export type { FlushOptions, LogOptions, Run, RunHealth } from './run/run';
export type { LoggedMedia, MediaOptions, RunMedia } from './run/run-media';
export type { RunStartOptions, TypedRunStartOptions } from './run/run-options';
export type { EndSignal } from './run/signals';
export type { FilterNode, FilterOperator, OrderTerm, RunField, RunPage, RunQuery } from './search/query';
export type { ArtifactSource, ArtifactStore, BlobInfo } from './store/artifact-store';
export type { ApprovalsGate, EvaluationGate, Gate, GateResult, MetricGate } from './store/gate';
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
export type { TrackingStore } from './store/tracking-store';
export type {
  RunArtifact,
  RunFilter,
  RunRecord,
  RunStatus,
  RunSummary,
  Tracker,
  TrackerEventMap,
} from './tracker';
export type {
  CommonTrackerOptions,
  EmbeddedTrackerOptions,
  StoreTrackerOptions,
  TrackerOptions,
} from './tracker-options';
