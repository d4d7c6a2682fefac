export type { TelemetryRefusal } from './aggregates';
export type { DeviceFeature } from './device-drift';
export { fingerprintOf } from './fingerprint';
export { createTelemetryHandler, type TelemetryHandler } from './handler';
export type { TelemetryHandlerOptions, TelemetryModel } from './handler-options';
export type { PredictionClasses } from './predictions';
export {
  createTelemetryRecorder,
  type TelemetryRecorder,
  type TelemetryRest,
  type TelemetryRows,
} from './recorder';
export type { TelemetryPrivacy, TelemetryRecorderOptions } from './recorder-options';
export { latencyBounds, type TelemetryNoise, type TelemetryReport, telemetryLimits } from './report';
export type { DeviceGroup, DeviceModel, DeviceSums, TelemetrySnapshot } from './snapshot';
export { createTelemetryToken, type TelemetryTokenOptions } from './token';
export {
  decodeTelemetry,
  encodeReport,
  encodeTelemetry,
  type SealedBody,
  sealBody,
  type TelemetryBody,
  telemetryContentType,
} from './wire';
