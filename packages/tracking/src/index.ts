export type { OverflowPolicy } from './embedded/segment-writer';
export {
  type CommonTrackerOptions,
  type EmbeddedTrackerOptions,
  openTracker,
  type StoreTrackerOptions,
  type TrackerOptions,
} from './open-tracker';
export type {
  ModelRegistry,
  ModelVersion,
  RegisteredModel,
  SetAliasOptions,
  VersionDraft,
} from './registry/model-registry';
export type { FlushOptions, LogOptions, Run, RunHealth } from './run/run';
export type {
  AliasMove,
  AliasTarget,
  ArtifactSource,
  ArtifactStore,
  BlobInfo,
  Durability,
  EndStatus,
  MetricHistory,
  MetricSummary,
  ParamValue,
  PointColumns,
  RegistryStore,
  RunError,
  RunEvent,
  RunStart,
  RunStore,
  RunWriter,
  StoreDamage,
  StoredArtifact,
  StoredModel,
  StoredRun,
  StoredVersion,
  TrackingStore,
  VersionContent,
  WriterHealth,
} from './store/tracking-store';
export type {
  RunArtifact,
  RunFilter,
  RunRecord,
  RunStartOptions,
  RunStatus,
  RunSummary,
  Tracker,
  TrackerEventMap,
} from './tracker';
