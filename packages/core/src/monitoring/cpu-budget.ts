import type { Clock } from '../clock';

/**
 * Share of the time that a watcher may take where nobody says. Lanes that compute in workers stand still while the thread that feeds them
 * looks at rows, and share their cores with it: a share of .05 cost a runner at its limit about a tenth of its rows, one of .03 half of that.
 */
export const defaultCpuShare = 0.02;

/**
 * How long an idle time may be saved up for, in milliseconds: after it, what such a time allows may be spent at once. Short,
 * so that traffic that comes in bursts does not pay in each for the pause before it.
 */
const burstOfMs = 100;
/**
 * Part of the most that may be saved up from which on rows are taken again, once there was not enough for all. What a
 * watcher knows of each feature has left the caches by the next look, so that a row by itself costs several times what a row
 * in a block of many does.
 */
const worthALook = 0.5;
/**
 * Weight of the newest measurement in the running cost of a row, where it is above it and where it is below. A row seems dear
 * when its thread was interrupted or its code not compiled yet, but never seems cheap by chance; and what was taken for too
 * cheap, the balance makes up for.
 */
const dearerWeight = 0.25;
const cheaperWeight = 0.5;

/**
 * Keeps work within a share of the time that passes. The balance grows by `share` milliseconds a millisecond and falls
 * by what was measured on the clock; from it and the running cost of a row follows how many rows may be taken now. Where
 * that is not all of them, time is saved up for the next ones: a few large blocks are far more rows than many small ones.
 * It goes by time alone, never by the values or by the size of a batch, so the rows taken are a fair sample.
 */
export class CpuBudget {
  readonly #clock: Clock;
  readonly #share: number;
  readonly #startedAt: number;
  #updatedAt: number;
  #balanceMs = 0;
  #spentMs = 0;
  /** Running cost of a row; not known before the first. */
  #rowMs: number | undefined;
  /** Whether there was not enough for all rows, and time is saved up for the next. */
  #isSaving = false;

  /** @param share most of the time that may be spent, above 0 and at most 1 */
  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
    this.#startedAt = clock.now();
    this.#updatedAt = this.#startedAt;
  }

  /** Milliseconds spent since the beginning. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Part of the time since the beginning that was spent, from 0 to 1. */
  get spentShare(): number {
    const elapsed = this.#clock.now() - this.#startedAt;
    return elapsed > 0 ? Math.min(1, this.#spentMs / elapsed) : 0;
  }

  /**
   * How many of `rows` rows may be taken at the time `now`. Without a limit where `share` is 1. While the cost of a row
   * is not known, one: a whole batch could hold its thread up for tens of milliseconds.
   */
  allowance(rows: number, now: number): number {
    if (this.#share >= 1) return rows;
    const rowMs = this.#rowMs ?? 0;
    // However dear a row is, the time for one can be saved up.
    const mostMs = Math.max(this.#share * burstOfMs, rowMs);
    this.#balanceMs = Math.min(mostMs, this.#balanceMs + (now - this.#updatedAt) * this.#share);
    this.#updatedAt = now;
    if (this.#isSaving && this.#balanceMs < Math.max(mostMs * worthALook, rowMs)) return 0;
    this.#isSaving = this.#balanceMs < rowMs * rows;
    if (this.#balanceMs < 0) return 0;
    if (this.#rowMs === undefined) return Math.min(1, rows);
    return this.#isSaving ? Math.floor(this.#balanceMs / rowMs) : rows;
  }

  /**
   * Takes what is allowed of a batch, and books the time. The very first row is taken by itself, and of the others what it
   * then seems to allow.
   *
   * @param startedAt the time from which on the batch is paid for
   * @param allowed what `allowance` said to its rows
   * @param take is to take `taken` of the `rows` rows that begin at row `from`; called once, or twice for the first batch
   */
  spendOn(
    rows: number,
    startedAt: number,
    allowed: number,
    take: (from: number, rows: number, taken: number, now: number) => void,
  ): void {
    let from = 0;
    let now = startedAt;
    let taken = Math.min(rows, allowed);
    if (this.#rowMs === undefined && taken === 1 && rows > 1) {
      take(0, 1, 1, now);
      now = this.#clock.now();
      this.spend(now - startedAt, 1);
      from = 1;
      taken = this.allowance(rows - 1, now);
    }
    take(from, rows - from, taken, now);
    if (taken > 0) this.spend(this.#clock.now() - now, taken);
  }

  /** Books the time that `rows` rows took. */
  spend(ms: number, rows: number): void {
    this.#spentMs += ms;
    this.#balanceMs -= ms;
    if (rows === 0) return;
    const rowMs = ms / rows;
    const before = this.#rowMs ?? rowMs;
    this.#rowMs = before + (rowMs > before ? dearerWeight : cheaperWeight) * (rowMs - before);
  }
}
