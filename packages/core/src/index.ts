export type {
  Backend,
  DeviceFallback,
  LaneEventMap,
  LaneHost,
  LaneListener,
  LossReason,
  Session,
  SessionUsage,
  Support,
  Threading,
  WorkerModule,
} from './backend';
export type { BatcherStats } from './batching/batcher';
export type { SizeCost } from './batching/cost-model';
export type { BatchObjective, LaneCost } from './batching/shape-costs';
export { type Clock, type ClockTimer, systemClock } from './clock';
export { describeValue, parseOptions } from './config';
export { deadlineError, deadlineOf, noDeadline } from './deadline';
export { sha256Hex } from './digest';
export {
  abortedError,
  deserializeError,
  type ErrorCode,
  type ErrorDetails,
  FairleadError,
  type FairleadErrorOptions,
  messageOf,
  type SerializedError,
  serializeError,
  throwIfAborted,
} from './errors';
export { createEvents, type EventListeners, type EventSource, type Events } from './events';
export type {
  GoldenCase,
  GoldenFile,
  GoldenTensor,
  GoldenTolerance,
  RecordGoldenOptions,
} from './golden/golden-file';
export { recordGolden } from './golden/record-golden';
export { type CallOptions, type Closeable, closeable } from './lifecycle';
export { consoleLogger, type Logger } from './logger';
export type { AliasControl, Evidence, LoadedModel, ModelSource, SidecarName } from './model-source';
export {
  checkOptions,
  type OptionCheck,
  objectWith,
  test as optionTest,
  trueOrFalse,
  wholeNumber,
} from './option-checks';
export { type BatchingOptions, createRunner, type RunnerOptions } from './runner/create-runner';
export type { BatchingLimits } from './runner/deployment';
export { type Admitted, byName, compileDoor, type Door } from './runner/door';
export type { LaneState } from './runner/lane';
export type { LaneLoad } from './runner/lane-meter';
export type { LaneTrial, LaneTuning } from './runner/lane-tuning';
export type { LocalRunner, RunnerDescription } from './runner/local-runner';
export { checkInterchangeable } from './runner/model-info';
export type { LanesOption } from './runner/open-lanes';
export type {
  BatchEndEvent,
  BatchFailEvent,
  BatchReason,
  ComputedBatch,
  HealthStatus,
  ModelInfo,
  ModelReadyEvent,
  ModelRunner,
  ModelSwapEvent,
  Priority,
  Privacy,
  RequestFailEvent,
  RunnerEventMap,
  RunnerEvents,
  RunnerHealth,
  RunOptions,
  RunResult,
  RunTiming,
  SwapFailEvent,
} from './runner/runner';
export type { PadValue, ShapeOptions, ShapesOption } from './runner/shape-options';
export type { ShapesDescription, ShapeUse } from './runner/shape-plan';
export type { SwapMode } from './runner/swap';
export type { TuningRecord, TuningStore } from './runner/tuning-store';
export {
  defineModel,
  type ModelDefinition,
  type Predictor,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  type TypedRunner,
  withPredict,
} from './runner/typed-model';
export type { WarmUpTime } from './runner/warm-up';
export type { AnySignature, InputsOf, InputValue, ModelSignature, OutputsOf, TensorSpec } from './signature';
export {
  allocateData,
  arrayNameOf,
  bytesPerElement,
  type DataOf,
  type DType,
  type DTypeArrays,
  dtypes,
  isDataOf,
  isDType,
  type NumericData,
  type NumericDType,
  viewData,
} from './tensor/dtype';
export {
  byteSize,
  checkTensor,
  createTensor,
  elementCount,
  formatShape,
  type Tensor,
  type Tensors,
} from './tensor/tensor';
