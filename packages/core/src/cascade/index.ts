export { type CascadeRunner, cascade } from './cascade';
export type { CloudSource } from './cloud-side';
export type { ConfidenceMeasure, ConfidenceRule, RowConfidence, ScoreKind } from './confidence';
export type { EscalationBudgetOptions } from './escalation-budget';
export type { CascadeOptions, CloudCircuitOptions, EscalateOptions, LatencyRule } from './options';
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
