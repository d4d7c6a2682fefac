/** Milliseconds of a slot, and slots that count: ten seconds. */
const slotMs = 1000;
const slots = 10;

/** What the requests of ten seconds came to. */
export interface OutcomeTotals {
  readonly answers: number;
  readonly failures: number;
  /** Milliseconds that all answers took together. */
  readonly answerMs: number;
}

/** Counts how the requests of an endpoint ended, over the last ten seconds. */
export class RecentOutcomes {
  readonly #answers = new Float64Array(slots);
  readonly #failures = new Float64Array(slots);
  readonly #answerMs = new Float64Array(slots);
  #slot = Number.NEGATIVE_INFINITY;

  addAnswer(ms: number, now: number): void {
    const slot = this.#slotAt(now);
    this.#answers[slot] = (this.#answers[slot] as number) + 1;
    this.#answerMs[slot] = (this.#answerMs[slot] as number) + ms;
  }

  addFailure(now: number): void {
    const slot = this.#slotAt(now);
    this.#failures[slot] = (this.#failures[slot] as number) + 1;
  }

  totals(now: number): OutcomeTotals {
    this.#slotAt(now);
    return { answers: sum(this.#answers), failures: sum(this.#failures), answerMs: sum(this.#answerMs) };
  }

  /** Forgets everything: what comes next is another life of the endpoint. */
  clear(): void {
    for (const counts of [this.#answers, this.#failures, this.#answerMs]) counts.fill(0);
  }

  /** Forgets what is older than the window; answers the place of this second. */
  #slotAt(now: number): number {
    const slot = Math.floor(now / slotMs);
    for (let past = Math.max(this.#slot + 1, slot - slots + 1); past <= slot; past++) {
      const index = place(past);
      this.#answers[index] = 0;
      this.#failures[index] = 0;
      this.#answerMs[index] = 0;
    }
    this.#slot = Math.max(this.#slot, slot);
    return place(this.#slot);
  }
}

/** A clock may count from below zero. */
function place(slot: number): number {
  return ((slot % slots) + slots) % slots;
}

function sum(counts: Float64Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
