import type { Clock } from '../clock';
import { deadlineOf, noDeadline } from '../deadline';
import type { Ticket } from '../resilience/circuit';
import { DurationEstimate } from '../resilience/duration-estimate';
import { codeOf, codesFor } from '../resilience/remedies';
import { keepInputs, withDeadline } from '../resilience/stage';
import type { ModelRunner, RunResult } from '../runner/runner';
import type { InputsOf } from '../signature';
import type { Arm, Arms } from './arms';
import type { Slot } from './assignment/assignment';
import type { RequestObserver } from './observer';
import type { RolloutOptions } from './options';
import type { RolloutResult, RolloutRunOptions, RolloutTrace } from './result';

/** What answering a request needs of the rollout around it. */
export interface RequestParts {
  readonly arms: Arms;
  readonly clock: Clock;
  /** Whether the champion answers what a challenger failed at. */
  readonly fallsBack: boolean;
  readonly observers: readonly RequestObserver[];
  /** What an answer cost. */
  readonly costOf: RolloutOptions['costOf'];
  /** Names the decision. */
  idOf(slot: Slot, options: RolloutRunOptions): string;
  /** A request has ended. */
  onEnd(): void;
  /**
   * A unit that was assigned by weight goes to an arm. (Told when it goes: by what has come back a queue that is longer than
   * another would look like a share that is too small.)
   */
  onServed(arm: string, unit: number | undefined): void;
  onFallBack(arm: string, error: unknown): void;
}

/** Runs a request on the arm that it was assigned to, and on the champion where that fails. */
export type AnswerRequest = (
  inputs: InputsOf,
  options: RolloutRunOptions,
  slot: Slot,
  unit: number | undefined,
) => Promise<RolloutResult>;

/** The control slice has batches of its own, as small as the challenger's: small batches fail and wait otherwise than large ones. */
const controlGroup = 'rollout-control';

const mendable = codesFor('fallback');

/** Whether a failure is the arm's: what is the request's own speaks against nobody. */
function isArmsOwn(error: unknown): boolean {
  const code = codeOf(error);
  // Somebody has closed that arm; the rollout is open.
  return code === 'CLOSED' || mendable.has(code);
}

/** Makes the way of a request. */
export function createAnswerer(parts: RequestParts): AnswerRequest {
  const { arms, clock, fallsBack, costOf, observers, idOf, onEnd, onServed, onFallBack } = parts;
  const { champion } = arms;
  const championDuration = new DurationEstimate();
  const observed = observers.length > 0;

  const started = (runner: ModelRunner, inputs: InputsOf, options: RolloutRunOptions): Promise<RunResult> => {
    try {
      return runner.run(inputs, options);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  const finish = (result: RunResult, trace: RolloutTrace): RolloutResult => {
    onEnd();
    const answer = { ...result, rollout: trace };
    if (observed) for (const observer of observers) observer.onAnswer?.(trace, answer);
    return answer;
  };

  const failed = (error: unknown, trace: RolloutTrace): never => {
    onEnd();
    if (observed) for (const observer of observers) observer.onFailure?.(trace, error);
    throw error;
  };

  /** The champion's way, its control slice among it. */
  const byChampion = (
    inputs: InputsOf,
    options: RolloutRunOptions,
    trace: RolloutTrace,
    isEvidence: boolean,
  ): Promise<RolloutResult> => {
    const startedAt = clock.now();
    const former = isEvidence ? champion.former : undefined;
    champion.counts.requests++;
    const given = isEvidence ? { ...options, batchGroup: controlGroup } : options;
    return started(champion.runner, inputs, given).then(
      (result) => {
        const endedAt = clock.now();
        championDuration.add(endedAt - startedAt);
        former?.add(
          false,
          startedAt,
          endedAt,
          result.timing.batches,
          costOf?.(result, champion.name, endedAt - startedAt),
        );
        return finish(result, trace);
      },
      (error: unknown) => {
        if (isArmsOwn(error)) {
          champion.counts.failures++;
          former?.add(true, startedAt, clock.now(), undefined, undefined);
        }
        return failed(error, trace);
      },
    );
  };

  const byChallenger = (
    arm: Arm & { readonly runner: ModelRunner },
    ticket: Ticket,
    deadline: number,
    inputs: InputsOf,
    given: RolloutRunOptions,
    slot: Slot,
    trace: RolloutTrace,
  ): Promise<RolloutResult> => {
    const { circuit, former, counts } = arm;
    const startedAt = clock.now();
    const options = withDeadline(given, deadline);
    const kept = fallsBack ? keepInputs(inputs) : inputs;
    counts.requests++;
    return started(arm.runner, inputs, options).then(
      (result) => {
        circuit?.leave(ticket, 'success');
        if (slot.evidence && former !== undefined) {
          const endedAt = clock.now();
          former.add(false, startedAt, endedAt, result.timing.batches, costOf?.(result, arm.name, endedAt - startedAt));
        }
        return finish(result, trace);
      },
      (error: unknown) => {
        const now = clock.now();
        if (!isArmsOwn(error)) {
          circuit?.leave(ticket, 'neutral');
          return failed(error, trace);
        }
        counts.failures++;
        circuit?.leave(ticket, 'failure', error);
        if (slot.evidence) former?.add(true, startedAt, now, undefined, undefined);
        // Where it is not known yet how long the champion takes, there is time as long as there is any.
        const hasTime = deadline - now > (championDuration.meanMs ?? 0);
        if (!fallsBack || !hasTime || given.signal?.aborted === true) return failed(error, trace);
        counts.fellBack++;
        onFallBack(arm.name, error);
        return byChampion(kept, options, { ...trace, answeredBy: champion.name }, false);
      },
    );
  };

  return (inputs, options, slot, unit) => {
    const arm = slot.arm === champion.name ? champion : arms.get(slot.arm);
    // Before the circuit lets it through: what cannot be is no request of the arm's.
    const deadline = arm === champion ? noDeadline : deadlineOf(options, clock);
    const decisionId = idOf(slot, options);
    const ticket = arm?.runner === undefined ? undefined : arm.circuit?.enter();
    const byOther = arm !== undefined && arm !== champion && ticket !== undefined;
    const answeredBy = byOther ? slot.arm : champion.name;
    if (slot.counted) onServed(answeredBy, unit);
    const trace: RolloutTrace = { decisionId, arm: slot.arm, propensity: slot.propensity, answeredBy };
    if (observed) for (const observer of observers) observer.onRequest?.(trace, inputs, options);
    if (byOther) {
      const loaded = arm as Arm & { readonly runner: ModelRunner };
      return byChallenger(loaded, ticket, deadline, inputs, options, slot, trace);
    }
    if (arm !== undefined && arm !== champion) arm.counts.diverted++;
    return byChampion(inputs, options, trace, slot.evidence && arm === champion);
  };
}
