import type { Clock, ClockTimer } from '../../clock';
import { createRandom } from '../random';
import type { MmdSettings } from './embedding-options';
import { type MmdOutcome, MmdTest } from './mmd-test';

/** Milliseconds of testing in one turn of the event loop. */
const turnMs = 2;

/** What comes of a test. */
export interface MmdListener {
  /** @param atRow rows seen when the window ended */
  done(outcome: MmdOutcome, atRow: number): void;
  fail(error: unknown): void;
}

/**
 * Samples each window of rows (Vitter's algorithm R, seeded) and tests the sample of one that ended against the reference's, a little
 * in each turn of the event loop.
 */
export class MmdSchedule {
  readonly #test: MmdTest;
  readonly #settings: MmdSettings;
  readonly #clock: Clock;
  readonly #share: number;
  readonly #listener: MmdListener;
  readonly #random: () => number;
  readonly #window: Float32Array;
  readonly #width: number;
  #windowRows = 0;
  #beganAt: number;
  #running: Generator<void, MmdOutcome> | undefined;
  #timer: ClockTimer | undefined;
  #skipped = 0;
  #spentMs = 0;

  /**
   * @param reference standardised rows, one after another
   * @param share most of the time that tests may take
   * @param rowsSeen where the first window begins
   */
  constructor(
    reference: Float32Array,
    width: number,
    settings: MmdSettings,
    clock: Clock,
    share: number,
    rowsSeen: number,
    listener: MmdListener,
  ) {
    const { sampleRows, permutations, seed } = settings;
    this.#test = new MmdTest(reference, width, sampleRows, permutations, seed);
    this.#settings = settings;
    this.#clock = clock;
    this.#share = share;
    this.#beganAt = rowsSeen;
    this.#listener = listener;
    this.#random = createRandom(seed ^ 0x5bd1e995);
    this.#window = new Float32Array(sampleRows * width);
    this.#width = width;
  }

  /** Windows that ended while the test of one before was still under way. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Milliseconds that the tests took. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Takes a standardised row of finite values. */
  add(row: Float64Array): void {
    const { sampleRows } = this.#settings;
    const index = this.#windowRows++;
    const place = index < sampleRows ? index : Math.floor(this.#random() * (index + 1));
    if (place < sampleRows) this.#window.set(row, place * this.#width);
  }

  /** Ends the window when it is time, and there are rows enough; then its test begins. */
  advance(rowsSeen: number): void {
    const { everyRows, sampleRows } = this.#settings;
    if (rowsSeen - this.#beganAt < everyRows || this.#windowRows < sampleRows) return;
    this.#beganAt = rowsSeen;
    this.#windowRows = 0;
    if (this.#running !== undefined) {
      this.#skipped++;
      return;
    }
    // The first step copies the window: it must not wait for a later turn, by which others write to it.
    const steps = this.#test.steps(this.#window);
    this.#running = steps;
    this.#later(0, () => this.#work(steps, rowsSeen));
    steps.next();
  }

  /** Ends the testing; nothing comes of a test under way. */
  stop(): void {
    this.#running = undefined;
    this.#timer?.clear();
  }

  #work(steps: Generator<void, MmdOutcome>, atRow: number): void {
    if (this.#running !== steps) return;
    const startedAt = this.#clock.now();
    let spent = 0;
    try {
      do {
        const step = steps.next();
        spent = this.#clock.now() - startedAt;
        if (!step.done) continue;
        this.#running = undefined;
        this.#spentMs += spent;
        this.#listener.done(step.value, atRow);
        return;
      } while (spent < turnMs);
    } catch (error) {
      this.#running = undefined;
      this.#listener.fail(error);
      return;
    }
    this.#spentMs += spent;
    this.#later(spent * (1 / this.#share - 1), () => this.#work(steps, atRow));
  }

  #later(pauseMs: number, callback: () => void): void {
    if (pauseMs > 0) this.#timer = this.#clock.setTimer(callback, pauseMs);
    else this.#clock.defer(callback);
  }
}
