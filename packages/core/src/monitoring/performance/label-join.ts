/** How many predictions and labels a join holds, and for how long. */
export interface JoinLimits {
  readonly maxPredictions: number;
  readonly predictionTtlMs: number;
  readonly maxEarlyLabels: number;
  readonly earlyLabelTtlMs: number;
}

/** What became of predictions. */
export interface PredictionCounts {
  /** Predictions taken. */
  readonly seen: number;
  /** Predictions whose id was known already; the first one stays. */
  readonly duplicate: number;
  /** Predictions without a label that wait for one now. */
  readonly waiting: number;
  /** Predictions whose time ran out before a label came. */
  readonly expired: number;
  /** Predictions that gave way to newer ones before a label came. */
  readonly evicted: number;
}

/** What became of labels; all but `waiting` only grow. */
export interface LabelCounts {
  /** Labels that met their prediction. */
  readonly matched: number;
  /** Those among them that came before their prediction. */
  readonly early: number;
  /** Labels without a prediction that wait for one now. */
  readonly waiting: number;
  /** Labels whose id had the same label already. */
  readonly duplicate: number;
  /** Labels whose id had another label before; the latest counts. */
  readonly changed: number;
  /** Labels for which no prediction came in time, or was there any more. */
  readonly unknown: number;
}

/** A label that came before its prediction. */
interface EarlyLabel {
  readonly value: number;
  readonly at: number;
  readonly arrivedAt: number;
}

/** What a prediction met. */
export type PredictionOutcome =
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'waiting'; readonly slot: number }
  | { readonly kind: 'matched'; readonly slot: number; readonly label: number; readonly labelAt: number };

/** What a label met. */
export type LabelOutcome =
  | { readonly kind: 'duplicate' | 'early' | 'changed-early' }
  | { readonly kind: 'matched' | 'changed'; readonly slot: number };

const empty = 0;
const waiting = 1;
const labelled = 2;

/**
 * Joins predictions to labels by id in bounded memory: a ring of slots, one for each prediction, in the order in which they
 * came. A slot is given to a newer prediction when the ring is full, or when its time has run out; a label that comes
 * later finds nothing. A labelled slot stays until then, so that a second label is known as one.
 */
export class LabelJoin {
  readonly #limits: JoinLimits;
  readonly #ids: (string | undefined)[];
  readonly #states: Uint8Array;
  readonly #labels: Float64Array;
  readonly #arrivedAt: Float64Array;
  readonly #slots = new Map<string, number>();
  /** In the order of their arrival, as a Map keeps it. */
  readonly #early = new Map<string, EarlyLabel>();
  #next = 0;
  #oldest = 0;
  #held = 0;
  #waiting = 0;
  #seen = 0;
  #duplicatePredictions = 0;
  #expired = 0;
  #evicted = 0;
  #matched = 0;
  #earlyMatched = 0;
  #duplicateLabels = 0;
  #changed = 0;
  #unknown = 0;

  constructor(limits: JoinLimits) {
    this.#limits = limits;
    this.#ids = new Array<string | undefined>(limits.maxPredictions).fill(undefined);
    this.#states = new Uint8Array(limits.maxPredictions);
    this.#labels = new Float64Array(limits.maxPredictions);
    this.#arrivedAt = new Float64Array(limits.maxPredictions);
  }

  get predictions(): PredictionCounts {
    return {
      seen: this.#seen,
      duplicate: this.#duplicatePredictions,
      waiting: this.#waiting,
      expired: this.#expired,
      evicted: this.#evicted,
    };
  }

  get labels(): LabelCounts {
    return {
      matched: this.#matched,
      early: this.#earlyMatched,
      waiting: this.#early.size,
      duplicate: this.#duplicateLabels,
      changed: this.#changed,
      unknown: this.#unknown,
    };
  }

  /** Takes a prediction. @param now monotonic milliseconds */
  addPrediction(id: string, now: number): PredictionOutcome {
    this.expire(now);
    if (this.#slots.has(id)) {
      this.#duplicatePredictions++;
      return { kind: 'duplicate' };
    }
    if (this.#held === this.#limits.maxPredictions) this.#release('evicted');
    const slot = this.#next;
    this.#next = (slot + 1) % this.#limits.maxPredictions;
    this.#held++;
    this.#seen++;
    this.#ids[slot] = id;
    this.#slots.set(id, slot);
    this.#arrivedAt[slot] = now;
    const early = this.#early.get(id);
    if (early === undefined) {
      this.#states[slot] = waiting;
      this.#waiting++;
      return { kind: 'waiting', slot };
    }
    this.#early.delete(id);
    this.#earlyMatched++;
    this.#matched++;
    this.#states[slot] = labelled;
    this.#labels[slot] = early.value;
    return { kind: 'matched', slot, label: early.value, labelAt: early.at };
  }

  /** Takes a label. @param at when it was known, in milliseconds of the wall clock @param now monotonic milliseconds */
  addLabel(id: string, value: number, at: number, now: number): LabelOutcome {
    this.expire(now);
    const slot = this.#slots.get(id);
    if (slot === undefined) return this.#addEarly(id, value, at, now);
    if (this.#states[slot] === labelled) {
      if (this.#labels[slot] === value) {
        this.#duplicateLabels++;
        return { kind: 'duplicate' };
      }
      this.#changed++;
      this.#labels[slot] = value;
      return { kind: 'changed', slot };
    }
    this.#states[slot] = labelled;
    this.#labels[slot] = value;
    this.#waiting--;
    this.#matched++;
    return { kind: 'matched', slot };
  }

  #addEarly(id: string, value: number, at: number, now: number): LabelOutcome {
    const before = this.#early.get(id);
    if (before !== undefined) {
      if (before.value === value) {
        this.#duplicateLabels++;
        return { kind: 'duplicate' };
      }
      this.#changed++;
      this.#early.set(id, { value, at, arrivedAt: before.arrivedAt });
      return { kind: 'changed-early' };
    }
    if (this.#early.size >= this.#limits.maxEarlyLabels) this.#dropEarliest();
    // With no room at all, every label without a prediction is unknown at once.
    if (this.#limits.maxEarlyLabels === 0) this.#unknown++;
    else this.#early.set(id, { value, at, arrivedAt: now });
    return { kind: 'early' };
  }

  #dropEarliest(): void {
    const first = this.#early.keys().next();
    if (first.done) return;
    this.#early.delete(first.value);
    this.#unknown++;
  }

  /** Lets go of what is past its time. */
  expire(now: number): void {
    const { predictionTtlMs, earlyLabelTtlMs } = this.#limits;
    while (this.#held > 0 && now - (this.#arrivedAt[this.#oldest] as number) > predictionTtlMs)
      this.#release('expired');
    for (const { arrivedAt } of this.#early.values()) {
      if (now - arrivedAt <= earlyLabelTtlMs) break;
      this.#dropEarliest();
    }
  }

  #release(reason: 'expired' | 'evicted'): void {
    const slot = this.#oldest;
    this.#oldest = (slot + 1) % this.#limits.maxPredictions;
    this.#held--;
    if (this.#states[slot] === waiting) {
      this.#waiting--;
      if (reason === 'expired') this.#expired++;
      else this.#evicted++;
    }
    this.#states[slot] = empty;
    this.#slots.delete(this.#ids[slot] as string);
    this.#ids[slot] = undefined;
  }
}
