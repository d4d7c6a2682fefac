export type { OverflowPolicy } from './embedded/segment-writer';
export {
  type CommonTrackerOptions,
  type EmbeddedTrackerOptions,
  openTracker,
  type StoreTrackerOptions,
  type TrackerOptions,
} from './open-tracker';
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
export type { FlushOptions, LogOptions, Run, RunHealth } from './run/run';
export type { FilterNode, FilterOperator, OrderTerm, RunField, RunPage, RunQuery } from './search/query';
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
  RegistryEvent,
  RunArtifact,
  RunFilter,
  RunRecord,
  RunStartOptions,
  RunStatus,
  RunSummary,
  Tracker,
  TrackerEventMap,
} from './tracker';
