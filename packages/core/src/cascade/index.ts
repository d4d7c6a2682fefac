export { type CalibrateOptions, calibrate } from './calibrate';
export { type BeforeAndAfter, type Calibration, calibrateScores, type ScoredRows } from './calibration';
export { type CascadeRunner, cascade } from './cascade';
export type { CloudSource } from './cloud-side';
export type { ConfidenceMeasure, ConfidenceRule, RowConfidence, ScoreKind } from './confidence';
export type { EscalationBudgetOptions } from './escalation-budget';
export { type InstrumentableCascade, instrumentCascade } from './instrument-cascade';
export type { CascadeOptions, CloudCircuitOptions, EscalateOptions, LatencyRule } from './options';
export type { CalibrationTarget } from './recommend';
export type {
  CascadeDescription,
  CascadeEventMap,
  CascadeReason,
  CascadeResult,
  CascadeStats,
  CascadeTrace,
  CloudReason,
  EdgeReason,
  EscalationRefuseEvent,
  RowOrigin,
  RowsEscalateEvent,
  StayReason,
} from './result';
export type { RowCost, Share, ThresholdRow } from './threshold-table';
