export type { AssignmentOptions, LayerOptions } from './assignment/assignment';
export { type EpsilonGreedyOptions, epsilonGreedy } from './bandits/epsilon-greedy';
export { type LinUcbOptions, linUcb } from './bandits/lin-ucb';
export type { BanditOptions, FloorOptions, RangeOptions } from './bandits/options';
export { type ThompsonOptions, thompson } from './bandits/thompson';
export { type Ucb1Options, ucb1 } from './bandits/ucb1';
export type { Actor } from './change';
export {
  type CompareOutputsOptions,
  compareOutputs,
  type OutputComparison,
} from './compare/compare-outputs';
export {
  createOutputAgreement,
  type Disagreement,
  type DisagreementMeasure,
  disagreementOf,
  type OutputAgreement,
  type OutputAgreementOptions,
} from './compare/output-agreement';
export { kendallTau, spearmanRho } from './compare/rank-correlation';
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
  type RewardEstimate,
  type RolloutDecision,
  type RolloutStatus,
  type RolloutStore,
  type SequentialTest,
  type SharedReward,
  type SharedRewardsAnswer,
  type SharedSums,
  type StoredRollout,
  type Strategy,
  type StrategyState,
  type Tally,
} from './contracts';
export { type MeanInterval, meanConfidenceSequence, type ValueSums } from './evidence/confidence-sequence';
export { combineEValues, shareErrorRate } from './evidence/error-rate';
export { evenPair } from './evidence/even-pair';
export {
  type BoundedGuardrailOptions,
  costGuardrail,
  type DriftGuardrailOptions,
  driftGuardrail,
  type ErrorsGuardrailOptions,
  errorsGuardrail,
  type LatencyGuardrailOptions,
  latencyGuardrail,
  rewardGuardrail,
} from './evidence/guardrails';
export { createPairing, type Pair, type Pairing } from './evidence/pairing';
export { assessSampleRatio, type SampleRatioAssessment } from './evidence/sample-ratio';
export { createSequentialTest, type SequentialTestOptions } from './evidence/sequential-test';
export { mergeTallies } from './evidence/tally';
export type { EvidencePoint } from './evidence/trail';
export { type InstrumentableRollout, instrumentRollout } from './instrument-rollout';
export type { RequestObserver, SharedObservations } from './observer';
export { type EstimateOffPolicyOptions, estimateOffPolicy } from './off-policy/estimate-off-policy';
export {
  alwaysArm,
  createOffPolicyEstimator,
  type OffPolicyEstimate,
  type OffPolicyEstimator,
  type OffPolicyReport,
} from './off-policy/estimator';
export type { EstimateOptions, OffPolicyOptions, RewardModel, TargetPolicy } from './off-policy/options';
export type { BreakerOptions, Challenger, RolloutAssignmentOptions, RolloutOptions } from './options';
export type {
  ReplayDecision,
  ReplayedAnswer,
  ReplayOptions,
  ReplayProgress,
  ReplaySource,
} from './replay/options';
export { type ReplayReport, replay } from './replay/replay';
export type { ReplayAgreement } from './replay/replay-tally';
export type {
  ApprovalRequest,
  ArmDescription,
  ArmStats,
  DryRun,
  GuardrailPlan,
  RolloutDescription,
  RolloutEventMap,
  RolloutResult,
  RolloutRunOptions,
  RolloutStats,
  RolloutTrace,
} from './result';
export {
  createDecisionLog,
  type DecisionDraft,
  type DecisionLog,
  type DecisionLogStats,
  type RewardOutcome,
  type RewardTime,
} from './rewards/decision-log';
export type { LoggedDecision } from './rewards/logged-decision';
export type { DecisionLogOptions, RewardOptions } from './rewards/options';
export type {
  RolloutRewardOutcome,
  RolloutRewardStats,
  SharedRewardStats,
} from './rewards/rollout-rewards';
export { createRollout } from './rollout';
export type { RolloutRunner } from './rollout-runner';
export { createShadow } from './shadow/create-shadow';
export type { ShadowBudget, ShadowOptions } from './shadow/options';
export type { Shadow } from './shadow/shadow';
export type { ShadowEventMap } from './shadow/shadow-events';
export type { RolloutShadow, ShadowDescription, ShadowStats } from './shadow/shadow-stats';
export { createMemoryRolloutStore } from './store/memory-rollout-store';
export { type BookedReward, bookRewards, keptRewards } from './store/reward-book';
export { type AbTestOptions, abTest } from './strategies/ab-test';
export { type BlueGreenOptions, blueGreen } from './strategies/blue-green';
export { type CanaryOptions, type CanaryStep, canary } from './strategies/canary';
export { type ChampionChallengerOptions, championChallenger } from './strategies/champion-challenger';
export { type LinearRampOptions, linearRamp } from './strategies/linear-ramp';
export type { PromoteRule, Schedule } from './strategies/parts';
export { type ShadowStrategyOptions, shadow } from './strategies/shadow';
