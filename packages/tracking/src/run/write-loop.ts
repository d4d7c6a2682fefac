import type { Clock, ClockTimer } from '@fairlead/core';
import type { Durability, RunWriter } from '../store/run-store';

/** What a {@link WriteLoop} stands on. */
export interface WriteLoopOptions {
  readonly writer: RunWriter;
  readonly clock: Clock;
  readonly flushIntervalMs: number;
  /** Hands the writer what waits in the metric buffer. */
  readonly drain: () => void;
  /** Called when a background write fails, and again only after one has worked. */
  readonly onWriteFail: (error: unknown) => void;
}

/** Writes what a run logs: soon after it was logged, and when somebody asks for it. */
export class WriteLoop {
  readonly #options: WriteLoopOptions;
  #timer: ClockTimer | undefined;
  #stopped = false;
  /** Whether the last background write failed. */
  #failing = false;
  /** When the oldest of what waits for the next write was logged, and the same of a write that goes on. */
  #waitingSince: number | undefined;
  #writingSince: number | undefined;

  constructor(options: WriteLoopOptions) {
    this.#options = options;
  }

  /** For how long the oldest of what is not yet written has waited, milliseconds. */
  get lagMs(): number {
    const since = this.#writingSince ?? this.#waitingSince;
    return since === undefined ? 0 : Math.max(0, this.#options.clock.epochMs() - since);
  }

  /** Something was logged: it is written within the flush interval. */
  wake(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    const { clock, flushIntervalMs } = this.#options;
    this.#waitingSince ??= clock.epochMs();
    this.#timer = clock.setTimer(() => {
      this.#timer = undefined;
      void this.write();
    }, flushIntervalMs);
  }

  /** Writes what waits now. Trouble is told to `onWriteFail`; what is left is tried again. */
  async write(): Promise<void> {
    try {
      await this.#take(() => this.#options.writer.write());
    } catch (error) {
      this.failed(error);
    }
  }

  /** Makes everything that was logged as safe as asked. @throws FairleadError as {@link RunWriter.flush} */
  async flush(durability: Durability): Promise<void> {
    await this.#take(() => this.#options.writer.flush(durability));
  }

  /** Tells of something that could not be written in the background. */
  failed(error: unknown): void {
    if (this.#stopped) return; // the end of the run reports it
    if (!this.#failing) this.#options.onWriteFail(error);
    this.#failing = true;
  }

  /** Ends the writing in the background. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
    this.#options.drain();
  }

  /** Runs a write that takes all that waits, and keeps account of how long that has waited. */
  async #take(write: () => Promise<void>): Promise<void> {
    this.#options.drain();
    this.#timer?.clear();
    this.#timer = undefined;
    this.#writingSince ??= this.#waitingSince;
    this.#waitingSince = undefined;
    try {
      await write();
      this.#writingSince = undefined;
      this.#failing = false;
    } catch (error) {
      this.wake();
      throw error;
    }
  }
}
