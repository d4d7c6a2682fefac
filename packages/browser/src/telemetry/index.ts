export type {
  StartTelemetryOptions,
  TelemetryPrivacyOptions,
  TelemetryQueueOptions,
  TelemetryRetry,
  TelemetrySchedule,
} from './options';
export { startTelemetry, type Telemetry, type TelemetryStats } from './start-telemetry';
