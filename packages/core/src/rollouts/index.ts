export type { AssignmentOptions, LayerOptions } from './assignment/assignment';
export {
  type ArmChoice,
  type ArmEvidence,
  type Block,
  championArm,
  type Decision,
  type DecisionAction,
  type EvidenceSummary,
  type Guardrail,
  type GuardrailEvidence,
  type HistoryEntry,
  type Json,
  type LookTime,
  type PlannedStep,
  type RolloutStatus,
  type RolloutStore,
  type SequentialTest,
  type StoredRollout,
  type Strategy,
  type StrategyState,
  type Tally,
} from './contracts';
export type { Actor } from './controller';
export { type ErrorsGuardrailOptions, errorsGuardrail } from './evidence/guardrails';
export { mergeTallies } from './evidence/tally';
export type { RequestObserver } from './observer';
export type { BreakerOptions, Challenger, RolloutAssignmentOptions, RolloutOptions } from './options';
export type {
  ApprovalRequest,
  ArmDescription,
  ArmStats,
  DryRun,
  RolloutDescription,
  RolloutEventMap,
  RolloutResult,
  RolloutRunOptions,
  RolloutStats,
  RolloutTrace,
  SampleRatio,
} from './result';
export { createRollout, type RolloutRunner } from './rollout';
export { createMemoryRolloutStore } from './store/memory-rollout-store';
export { type CanaryOptions, type CanaryStep, canary } from './strategies/canary';
export type { PromoteRule, Schedule } from './strategies/parts';
