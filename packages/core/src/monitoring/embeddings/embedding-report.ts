import type { ModelInfo } from '../../runner/runner';
import type { DriftEpisode, DriftState } from '../alerts';
import type { DriftReport } from '../report';
import type { MmdOutcome } from './mmd-test';

/** What raised an alarm: the evidence of the projections, or a two-sample test. */
export type EmbeddingCause = 'projections' | 'mmd';

/** A two-sample test between the reference's sample and a sample of the last window. */
export interface MmdResult extends MmdOutcome {
  /** The p-value up to which it is an alarm. */
  readonly level: number;
  /** Whether the p-value is as small as that. */
  readonly differs: boolean;
  readonly referenceRows: number;
  readonly windowRows: number;
  /** Rows seen when the window ended. */
  readonly atRow: number;
}

/** Rows that were seen and not observed, by why. */
export interface SkippedEmbeddings {
  /** The monitor kept within its share of the time. */
  readonly budget: number;
  /** The batch did not fit the reference: another width, strings, or no such tensor. */
  readonly rejected: number;
  /** A model computed them that the reference does not belong to. */
  readonly otherModel: number;
}

/** The state of an embedding monitor in numbers, for metrics. Plain data. */
export interface EmbeddingSnapshot {
  readonly state: DriftState;
  /** The model that is watched, where it is known. */
  readonly model: ModelInfo | null;
  /** Rows that went by since the monitor was made: observed and skipped together. */
  readonly rowsSeen: number;
  /** Rows that were projected. */
  readonly rowsObserved: number;
  readonly rowsSkipped: SkippedEmbeddings;
  /** Observed rows with a value that is NaN or infinite. They count as missing values of every projection. */
  readonly nonFiniteRows: number;
  /** Episodes of drift that began. */
  readonly alarms: number;
  /** log₁₀ of the evidence of the projections. */
  readonly evidenceLog10: number;
  /** `evidenceLog10` that raises an alarm. */
  readonly alarmLevelLog10: number;
  /** Two-sample tests that were done. */
  readonly mmdTests: number;
  /** Windows that ended without a test, since the one before was still being computed. */
  readonly mmdTestsSkipped: number;
  /** Tests that could not be computed: `logger` has the error. */
  readonly mmdTestsFailed: number;
  /** The last test; `null` before there was one. */
  readonly mmd: MmdResult | null;
  /** Part of the time since the monitor was made that it took, 0 to 1. */
  readonly cpuShare: number;
}

/** How far the mean of a dimension lies from the reference's. */
export interface DimensionShift {
  readonly dimension: number;
  /** In standard deviations of the reference. */
  readonly shift: number;
}

/** What a person wants to know about live embeddings. Plain data that survives JSON. */
export interface EmbeddingReport extends EmbeddingSnapshot {
  /** The episode that lasts; `null` outside of one. */
  readonly episode: DriftEpisode | null;
  /** What the drift monitor of the projections and the distance says. */
  readonly projections: DriftReport;
  /** The dimensions whose mean moved most, at most ten, over the last 1000 finite rows or more; empty before. */
  readonly topShifts: readonly DimensionShift[];
}

/** Live embeddings began to differ from the reference. */
export interface EmbeddingDriftStartEvent {
  readonly episode: DriftEpisode;
  readonly cause: EmbeddingCause;
  readonly report: EmbeddingReport;
}

/** An episode of drift is over. */
export interface EmbeddingDriftEndEvent {
  readonly episode: DriftEpisode;
  /** Projections and tests look like the reference again, or there is another reference now. */
  readonly reason: 'recovered' | 'reference-change';
  /** Rows that were seen during the episode. */
  readonly rows: number;
  readonly durationMs: number;
}

/** The state changed. */
export interface EmbeddingStateChangeEvent {
  readonly from: DriftState;
  readonly to: DriftState;
  readonly rowsSeen: number;
}

/** What an embedding monitor tells. */
export interface EmbeddingEventMap {
  'drift-start': EmbeddingDriftStartEvent;
  'drift-end': EmbeddingDriftEndEvent;
  'state-change': EmbeddingStateChangeEvent;
  'mmd-test': MmdResult;
}
