import type { Clock } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { FairleadError } from '../errors';
import { Circuit, type CircuitState, type SampledFailures } from '../resilience/circuit';
import { DurationEstimate } from '../resilience/duration-estimate';
import { codeOf, codesFor } from '../resilience/remedies';
import { type Settled, type StartedRun, startRun } from '../resilience/started-run';
import { checkInterchangeable } from '../runner/model-info';
import type { ModelInfo, ModelRunner, RunOptions } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { checkAnswer } from './rows';

/** The runner in the cloud, or what connects to it when it is first needed. */
export type CloudSource = ModelRunner | (() => ModelRunner | Promise<ModelRunner>);

/** What a cascade needs of the cloud. It is the one place in which the cloud is touched. */
export interface CloudSide {
  /** What stands in the way of asking now; undefined when nothing does. */
  obstacle(deadline: number): 'cloud-unavailable' | 'deadline' | undefined;
  /** Sends rows. Call it only where there is no obstacle, and in the same turn. */
  ask(inputs: Tensors, rows: number, options: RunOptions, deadline: number): StartedRun;
  readonly model: ModelInfo | undefined;
  readonly circuit: CircuitState;
  readonly retryAfterMs: number;
  /** Milliseconds within which most answers come; 0 before the first. */
  readonly mostMs: number;
  close(): Promise<void>;
}

/** How a cloud side is set up. */
export interface CloudSettings {
  readonly signature: ModelSignature;
  readonly timeoutMs: number;
  readonly failures: number | SampledFailures;
  readonly halfOpenAfterMs: number;
  readonly clock: Clock;
  onFail(error: unknown, rows: number): void;
  onOpen(error: unknown): void;
  onClose(openMs: number): void;
}

/** Kept back from what is left, at most so many milliseconds and such a share, so that the device's answer is not late too. */
const reserveMs = 5;
const reserveShare = 0.1;

const mendable = codesFor('fallback');

/**
 * @throws FairleadError `SIGNATURE_MISMATCH` for a runner that cannot take the place of the one on the device
 */
export function createCloudSide(source: CloudSource, settings: CloudSettings): CloudSide {
  const { signature, timeoutMs, halfOpenAfterMs, clock } = settings;
  const hasRows = signature.batchAxis === 0;
  const duration = new DurationEstimate();
  const circuit = new Circuit(settings.failures, halfOpenAfterMs, clock, {
    onOpen: settings.onOpen,
    onProbe: () => {},
    onClose: settings.onClose,
  });
  let heldUntil = Number.NEGATIVE_INFINITY;
  let closed = false;
  let runner: ModelRunner | undefined;
  let connecting: Promise<ModelRunner> | undefined;
  if (typeof source !== 'function') {
    checkInterchangeable(signature, source.signature);
    runner = source;
  }

  const connect = async (): Promise<ModelRunner> => {
    const found = await (source as () => ModelRunner | Promise<ModelRunner>)();
    try {
      checkInterchangeable(signature, found.signature);
      if (closed) throw new FairleadError('CLOSED', 'The cascade was closed while it connected to the cloud.');
    } catch (error) {
      await found.close();
      throw error;
    }
    runner = found;
    return found;
  };

  /** One attempt at a time; who comes meanwhile waits for it, and the next one after a failure tries anew. */
  const connected = (): Promise<ModelRunner> => {
    if (connecting === undefined) {
      const attempt = connect();
      connecting = attempt;
      const forget = (): void => {
        connecting = undefined;
      };
      attempt.then(forget, forget);
    }
    return connecting;
  };

  /** When an answer must be there, at the latest. */
  const bound = (deadline: number, now: number): number => {
    if (deadline === noDeadline) return now + timeoutMs;
    const leftMs = deadline - now;
    return Math.min(now + timeoutMs, deadline - Math.min(reserveMs, leftMs * reserveShare));
  };

  const learn = (settled: Settled, ticket: number, hadItsTime: boolean, rows: number): void => {
    if (settled.ok) {
      duration.add(settled.tookMs);
      circuit.leave(ticket, 'success');
      return;
    }
    const code = codeOf(settled.error);
    if (code === 'DEADLINE_EXCEEDED') duration.add(settled.tookMs);
    const retryAfterMs = code === 'OVERLOADED' ? (settled.error as FairleadError).details.retryAfterMs : undefined;
    if (retryAfterMs !== undefined) heldUntil = Math.max(heldUntil, clock.now() + retryAfterMs);
    settings.onFail(settled.error, rows);
    // A deadline that was too short for it says nothing about its health, nor that it is busy.
    const counts = mendable.has(code) && code !== 'OVERLOADED' && (code !== 'DEADLINE_EXCEEDED' || hadItsTime);
    circuit.leave(ticket, counts ? 'failure' : 'neutral', settled.error);
  };

  return {
    obstacle(deadline) {
      const now = clock.now();
      if (closed || circuit.retryAfterMs > 0 || heldUntil > now) return 'cloud-unavailable';
      const slackMs = deadline - now;
      if (slackMs > 0 && slackMs >= duration.mostMs) return undefined;
      if (slackMs > 0) duration.fade();
      return 'deadline';
    },

    ask(inputs, rows, options, deadline) {
      const ticket = circuit.enter();
      const begunAt = clock.now();
      const until = bound(deadline, begunAt);
      const hadItsTime = until >= begunAt + timeoutMs;
      let started: StartedRun | undefined;
      let cancelled = false;
      let giveUp: (error: unknown) => void = () => {};

      const answer = async (): Promise<Settled> => {
        const failed = (error: unknown): Settled => ({ ok: false, error, tookMs: clock.now() - begunAt });
        if (ticket === undefined) return failed(new FairleadError('OVERLOADED', 'The circuit of the cloud is open.'));
        try {
          const to = runner ?? (await connected());
          if (cancelled) return failed(undefined);
          started = startRun(to, inputs, { ...options, deadline: until }, clock);
          const settled = await started.settled;
          if (settled.ok) checkAnswer(settled.result.outputs, signature.outputs, rows, hasRows);
          return { ...settled, tookMs: clock.now() - begunAt };
        } catch (error) {
          return failed(error);
        }
      };

      const settled = new Promise<Settled>((resolve) => {
        const finish = (outcome: Settled): void => {
          timer.clear();
          resolve(outcome);
        };
        giveUp = (error) => {
          started?.cancel();
          finish({ ok: false, error, tookMs: clock.now() - begunAt });
        };
        const timer = clock.setTimer(
          () => {
            if (cancelled) return;
            cancelled = true;
            giveUp(deadlineError('while the cloud was asked'));
          },
          Math.max(0, until - begunAt),
        );
        void answer().then(finish);
      });
      let learned = false;
      const learning = settled.then((outcome) => {
        if (learned || ticket === undefined) return outcome;
        learned = true;
        learn(outcome, ticket, hadItsTime, rows);
        return outcome;
      });
      return {
        settled: learning,
        cancel() {
          if (learned) return;
          learned = true;
          cancelled = true;
          if (ticket !== undefined) circuit.leave(ticket, 'neutral');
          giveUp(new FairleadError('ABORTED', 'The cloud was not needed any more.'));
        },
      };
    },

    get model() {
      return runner?.model;
    },
    get circuit() {
      return circuit.state;
    },
    get retryAfterMs() {
      return Math.max(0, circuit.retryAfterMs, heldUntil - clock.now());
    },
    get mostMs() {
      return duration.mostMs;
    },
    async close() {
      closed = true;
      await connecting?.catch(() => {});
      await runner?.close();
    },
  };
}
