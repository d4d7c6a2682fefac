import type { LoggedDecision } from './logged-decision';

/**
 * The last decisions, oldest first, in a ring of columns: what is held does not grow, and a decision is found by its number
 * without a map. Rewards that are not known are NaN.
 */
export class DecisionRing {
  readonly #size: number;
  readonly #at: Float64Array;
  readonly #propensities: Float64Array;
  readonly #rewards: Float64Array;
  readonly #arms: Uint32Array;
  readonly #randomised: Uint8Array;
  readonly #runs: Float64Array;
  readonly #contexts: (readonly number[] | undefined)[];
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  #oldest = 0;
  #next = 0;

  constructor(size: number) {
    this.#size = size;
    this.#at = new Float64Array(size);
    this.#propensities = new Float64Array(size);
    this.#rewards = new Float64Array(size);
    this.#arms = new Uint32Array(size);
    this.#randomised = new Uint8Array(size);
    this.#runs = new Float64Array(size);
    this.#contexts = new Array<readonly number[] | undefined>(size).fill(undefined);
  }

  /** Number of the oldest decision that is held. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Number that the next decision gets; those that are held are beneath it. */
  get next(): number {
    return this.#next;
  }

  get isFull(): boolean {
    return this.#next - this.#oldest === this.#size;
  }

  /** Takes a decision; there must be room. @returns its number */
  add(
    at: number,
    arm: string,
    propensity: number,
    context: readonly number[] | undefined,
    randomised: boolean,
    run: number,
  ): number {
    const slot = this.#next % this.#size;
    let number = this.#numbers.get(arm);
    if (number === undefined) {
      number = this.#names.push(arm) - 1;
      this.#numbers.set(arm, number);
    }
    this.#at[slot] = at;
    this.#propensities[slot] = propensity;
    this.#rewards[slot] = Number.NaN;
    this.#arms[slot] = number;
    this.#randomised[slot] = randomised ? 1 : 0;
    this.#runs[slot] = run;
    this.#contexts[slot] = context;
    return this.#next++;
  }

  /** Lets the oldest decision go. */
  drop(): void {
    this.#contexts[this.#oldest % this.#size] = undefined;
    this.#oldest++;
  }

  /** When a decision that is held was taken. */
  at(number: number): number {
    return this.#at[number % this.#size] as number;
  }

  /** Whether it was left to chance. */
  isRandomised(number: number): boolean {
    return this.#randomised[number % this.#size] === 1;
  }

  /** The run of the rollout that it was taken in. */
  run(number: number): number {
    return this.#runs[number % this.#size] as number;
  }

  /** Its reward; NaN where none is known. */
  reward(number: number): number {
    return this.#rewards[number % this.#size] as number;
  }

  setReward(number: number, reward: number): void {
    this.#rewards[number % this.#size] = reward;
  }

  /** A decision that is held, as a plain object. */
  read(number: number, id: string): LoggedDecision {
    const slot = number % this.#size;
    const context = this.#contexts[slot];
    const reward = this.#rewards[slot] as number;
    return {
      id,
      at: this.#at[slot] as number,
      arm: this.#names[this.#arms[slot] as number] as string,
      propensity: this.#propensities[slot] as number,
      ...(context === undefined ? {} : { context }),
      ...(Number.isNaN(reward) ? {} : { reward }),
    };
  }
}
