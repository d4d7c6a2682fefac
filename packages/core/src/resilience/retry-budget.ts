/** Milliseconds of a slot, and slots that count: the budget looks back over ten seconds. */
const slotMs = 1000;
const slots = 10;

/**
 * How many retries are allowed: a share of the requests of the last ten seconds, and a few in any case. When everything
 * fails, retries then add that share to the load and no more, instead of multiplying it.
 */
export class RetryBudget {
  readonly #share: number;
  readonly #floor: number;
  readonly #requests = new Float64Array(slots);
  readonly #retries = new Float64Array(slots);
  #slot = Number.NEGATIVE_INFINITY;
  #allRequests = 0;
  #allRetries = 0;

  /**
   * @param share retries for each request, 0 to 1
   * @param perSecond retries that are allowed however few requests there are, 0 or more
   */
  constructor(share: number, perSecond: number) {
    this.#share = share;
    this.#floor = perSecond * ((slots * slotMs) / 1000);
  }

  /** Counts a request, once for all its attempts. */
  addRequest(now: number): void {
    const slot = this.#slotAt(now);
    this.#allRequests++;
    this.#requests[slot] = (this.#requests[slot] as number) + 1;
  }

  /** Takes one retry; false when none is left. */
  take(now: number): boolean {
    const slot = this.#slotAt(now);
    if (this.#allRetries + 1 > this.#allRequests * this.#share + this.#floor) return false;
    this.#allRetries++;
    this.#retries[slot] = (this.#retries[slot] as number) + 1;
    return true;
  }

  /** Forgets what is older than the window; answers the place of this second. */
  #slotAt(now: number): number {
    const slot = Math.floor(now / slotMs);
    for (let past = Math.max(this.#slot + 1, slot - slots + 1); past <= slot; past++) this.#forget(past);
    this.#slot = Math.max(this.#slot, slot);
    return place(this.#slot);
  }

  #forget(slot: number): void {
    const index = place(slot);
    this.#allRequests -= this.#requests[index] as number;
    this.#allRetries -= this.#retries[index] as number;
    this.#requests[index] = 0;
    this.#retries[index] = 0;
  }
}

/** A clock may count from below zero. */
function place(slot: number): number {
  return ((slot % slots) + slots) % slots;
}
