/** Mean and spread of numbers as they come (Welford, 1962). */
export class RunningMean {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.#count++;
    const step = value - this.#mean;
    this.#mean += step / this.#count;
    this.#squares += step * (value - this.#mean);
  }

  get mean(): number {
    return this.#mean;
  }

  /** Standard error of the mean; 0 for a single number. */
  get standardError(): number {
    return this.#count < 2 ? 0 : Math.sqrt(this.#squares / (this.#count - 1) / this.#count);
  }
}
