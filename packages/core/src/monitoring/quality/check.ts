import { criticalCount, lnBinomialUpperTail } from './binomial';
import type { QualityState } from './quality-report';

/** A violation that was kept to look at. */
export interface KeptExample {
  readonly value: string;
  readonly row: number;
  readonly atMs: number;
}

/** What a check is about. */
export interface CheckIdentity {
  readonly rule: string;
  /** The field; of several, their names joined by `,`. */
  readonly feature: string;
}

/** How warnings come before failures: ten times as often by chance. */
const lnWarningFactor = Math.log(10);

/**
 * The violations of one rule, counted, and what they mean. While the share of violations is at most `tolerance`, a window
 * fails with a probability of at most exp(`lnLevel`): so many violations or more are that rare (exact binomial). A
 * window that reaches the number at which it would fail even when full fails at once, since the count cannot fall.
 */
export class Check implements CheckIdentity {
  readonly rule: string;
  readonly feature: string;
  readonly tolerance: number;
  readonly #lnLevel: number;
  readonly #failsAt: number;
  #state: QualityState = 'ok';
  #windowTested = 0;
  #windowViolations = 0;
  #tested = 0;
  #violations = 0;
  #examples: KeptExample[] = [];
  #keptInWindow = 0;
  /** What the last full window showed. */
  #last: { readonly tested: number; readonly violations: number; readonly lnP: number } | undefined;

  /**
   * @param windowRows rows of a full window
   * @param lnLevel ln of the probability of a false failure in a window
   */
  constructor({ rule, feature }: CheckIdentity, tolerance: number, windowRows: number, lnLevel: number) {
    this.rule = rule;
    this.feature = feature;
    this.tolerance = tolerance;
    this.#lnLevel = lnLevel;
    this.#failsAt = criticalCount(windowRows, tolerance, lnLevel);
  }

  get state(): QualityState {
    return this.#state;
  }

  /** Values that were tested, in all windows. */
  get tested(): number {
    return this.#tested;
  }

  get violations(): number {
    return this.#violations;
  }

  get windowTested(): number {
    return this.#windowTested;
  }

  get windowViolations(): number {
    return this.#windowViolations;
  }

  get examples(): readonly KeptExample[] {
    return this.#examples;
  }

  get last() {
    return this.#last;
  }

  /** Counts values that were tested, right or not. */
  addTested(values: number): void {
    this.#tested += values;
    this.#windowTested += values;
  }

  /** Counts a violation. Returns whether an example is still wanted. */
  addViolation(mostExamples: number): boolean {
    this.#violations++;
    this.#windowViolations++;
    return this.#keptInWindow < mostExamples;
  }

  /** Keeps an example, and the latest `most` of all. */
  keep(example: KeptExample, most: number): void {
    this.#keptInWindow++;
    this.#examples.push(example);
    if (this.#examples.length > most) this.#examples.shift();
  }

  /** Whether the window that is being filled has failed already. */
  get failsEarly(): boolean {
    return this.#state !== 'failed' && this.#windowViolations >= this.#failsAt;
  }

  /** Whether something of this probability fails the rule. */
  isTooRare(lnP: number): boolean {
    return lnP <= this.#lnLevel;
  }

  /** Moves to a state that something else than a window's count decides. */
  moveTo(state: QualityState): void {
    this.#state = state;
  }

  /** Ends a window: decides by what it holds, and begins the next. */
  endWindow(lnP = lnBinomialUpperTail(this.#windowViolations, this.#windowTested, this.tolerance)): void {
    const violations = this.#windowViolations;
    // A window without a value of this field says nothing of it, and changes nothing.
    if (this.#windowTested > 0) {
      this.#last = { tested: this.#windowTested, violations, lnP };
      if (lnP <= this.#lnLevel) this.#state = 'failed';
      else if (lnP <= this.#lnLevel + lnWarningFactor) this.#state = 'warning';
      else this.#state = 'ok';
    }
    this.beginWindow();
  }

  /** Forgets the window, as after a swap. */
  beginWindow(): void {
    this.#windowTested = 0;
    this.#windowViolations = 0;
    this.#keptInWindow = 0;
  }

  /** Starts anew, the counts of all windows aside. */
  reset(): void {
    this.beginWindow();
    this.#state = 'ok';
    this.#last = undefined;
  }
}
