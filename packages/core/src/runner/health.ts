import type { Clock } from '../clock';
import { FairleadError, messageOf } from '../errors';
import type { HealthStatus, ModelInfo, ModelRunner, RunnerHealth } from './runner';

/** The part of a runner's health that follows from its parts at this moment. */
export type Assessment = Pick<RunnerHealth, 'status' | 'ready' | 'reasons'>;

/** What an assessment is made from. */
export interface HealthFacts {
  readonly closed: boolean;
  /** Why nobody can be answered, where that is so. */
  readonly failure: FairleadError | undefined;
  /** What a swap is doing, for a person, and whether requests wait for it. */
  readonly swap: { readonly reason: string; readonly holdsRequests: boolean } | undefined;
  readonly lanes: RunnerHealth['lanes'];
  readonly laneTroubles: readonly string[];
}

/** Judges how a runner stands. */
export function assess({ closed, failure, swap, lanes, laneTroubles }: HealthFacts): Assessment {
  if (closed) return { status: 'closed', ready: false, reasons: ['The runner was closed.'] };
  const reasons = failure === undefined ? [...laneTroubles] : [failure.message];
  if (swap !== undefined) {
    const ready = failure === undefined && !swap.holdsRequests && lanes.alive > 0;
    return { status: 'swapping', ready, reasons: [swap.reason, ...(swap.holdsRequests ? [] : reasons)] };
  }
  if (failure !== undefined) return { status: 'failed', ready: false, reasons };
  return { status: reasons.length === 0 ? 'ready' : 'degraded', ready: lanes.alive > 0, reasons };
}

/** What a runner remembers of its health between two questions. */
export interface HealthRecord {
  /** Something changed: the status may be another one from now on. */
  changed(status: HealthStatus): void;
  /** Something went wrong. */
  failed(error: unknown): void;
  /** Puts the whole answer together. */
  answer(
    assessment: Assessment,
    model: ModelInfo,
    lanes: RunnerHealth['lanes'],
    queue: RunnerHealth['queue'],
  ): RunnerHealth;
}

/** Makes the record of a runner that is not loaded yet. */
export function createHealthRecord(clock: Clock): HealthRecord {
  let status: HealthStatus | undefined;
  let sinceEpochMs = clock.epochMs();
  let lastError: RunnerHealth['lastError'];

  const changed = (next: HealthStatus): void => {
    if (next === status) return;
    status = next;
    sinceEpochMs = clock.epochMs();
  };

  return {
    changed,
    failed(error) {
      const code = FairleadError.isInstance(error) ? error.code : 'RUN_FAILED';
      lastError = { code, message: messageOf(error), atEpochMs: clock.epochMs() };
    },
    answer(assessment, model, lanes, queue) {
      changed(assessment.status);
      return {
        ...assessment,
        model,
        lanes,
        queue,
        ...(lastError === undefined ? {} : { lastError }),
        sinceEpochMs,
      };
    },
  };
}

/**
 * The `health()` of a runner around another one: what the inner one says, until the outer one is closed. Nothing where the
 * inner one cannot tell.
 */
export function healthAround(inner: ModelRunner, isClosed: () => boolean): Pick<ModelRunner, 'health'> {
  const health = inner.health?.bind(inner);
  if (health === undefined) return {};
  return {
    health() {
      const inside = health();
      if (!isClosed() || inside.status === 'closed') return inside;
      return { ...inside, status: 'closed', ready: false, reasons: ['The runner was closed.'] };
    },
  };
}
