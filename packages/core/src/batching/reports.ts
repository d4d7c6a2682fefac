import type { Clock } from '../clock';
import type { ErrorCode } from '../errors';
import type { BatchEndEvent } from '../runner/runner';

/** A batch that was computed, as its observers see it: one object from the lane to the last listener. */
export interface BatchReport extends BatchEndEvent {
  /** Known when it is told. */
  answered: number;
}

/** Whom the batcher tells. Reports come in a later turn of the event loop than the answers. */
export interface BatcherObserver {
  /** Whether anybody wants batch reports; without, a batch's memory is reused at once. */
  wantsReports(): boolean;
  onBatch(report: BatchReport): void;
  onBatchFail(lane: string, rows: number, error: unknown): void;
  onRequestFail(code: ErrorCode, rows: number): void;
}

/** What a teller asks of the batcher. */
export interface TellerParts {
  readonly observer: BatcherObserver;
  readonly clock: Clock;
  /** Requests answered so far. */
  answered(): number;
  /** Called before a report is given, which may take its time: what lanes are to get in this turn goes first. */
  onTelling(): void;
  /** Called when a report was given. */
  onTold(): void;
}

/** Tells observers of batches, off the callers' path. */
export class BatchTeller {
  readonly #parts: TellerParts;
  /** Reports that observers are still to get. */
  #pending = 0;
  /** How many of the requests answered observers know of. */
  #told = 0;

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  /** Whether reports are still to be given. */
  get isBusy(): boolean {
    return this.#pending > 0;
  }

  isListenedTo(): boolean {
    return this.#parts.observer.wantsReports();
  }

  /** Tells of a batch in a later turn, then calls `done`: its memory is needed until then. Without a report, at once. */
  tell(report: BatchReport | undefined, done: () => void): void {
    if (report === undefined) {
      this.#told = this.#parts.answered();
      done();
      return;
    }
    this.#pending++;
    const { clock, observer } = this.#parts;
    clock.defer(() => {
      this.#parts.onTelling();
      const answered = this.#parts.answered() - this.#told;
      this.#told += answered;
      report.answered = answered;
      observer.onBatch(report);
      done();
      this.#pending--;
      this.#parts.onTold();
    });
  }

  tellFailure(lane: string, rows: number, error: unknown): void {
    this.#parts.observer.onBatchFail(lane, rows, error);
  }
}
