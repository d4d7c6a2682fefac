import type { Check } from './check';
import { eventTimeOf, type Freshness } from './freshness';
import type { ValueTest } from './value-tests';
import { isMissing } from './values';

/** Hears of violations. */
export interface ViolationSink {
  /** @param value that broke the rule */
  violation(check: Check, value: unknown): void;
  /** A rule's own test threw, or answered neither true nor false. */
  testError(check: Check, error: unknown): void;
  /** Now, in milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number;
}

/** A check of single values. */
export interface ValueCheck {
  readonly check: Check;
  readonly test: ValueTest;
  /** Forgets what it remembers of the window. */
  readonly forget?: () => void;
}

/** A check of a value by a function of the user's. */
export interface OwnCheck {
  readonly check: Check;
  readonly testMissing: boolean;
  readonly test: (value: unknown) => boolean;
}

/** A check that a window's values are not all equal. */
export interface ConstantCheck {
  readonly check: Check;
  readonly commonestShare: number;
}

/** What is checked of one field. */
export interface FieldChecks {
  readonly name: string;
  readonly missing: readonly Check[];
  readonly types: readonly ValueCheck[];
  readonly values: readonly ValueCheck[];
  readonly own: readonly OwnCheck[];
  readonly constants: readonly ConstantCheck[];
  readonly freshness: readonly Freshness[];
}

/** Applies the checks of one field to its values, one after another. */
export class FieldWatch {
  readonly name: string;
  readonly #checks: FieldChecks;
  readonly #sink: ViolationSink;
  #first: unknown;
  #present = 0;
  #allEqual = true;

  constructor(checks: FieldChecks, sink: ViolationSink) {
    this.name = checks.name;
    this.#checks = checks;
    this.#sink = sink;
  }

  /** @param single whether the value was rounded to single precision */
  add(value: unknown, single: boolean): void {
    const { missing, types, values, own, constants, freshness } = this.#checks;
    const absent = isMissing(value);
    for (let i = 0; i < missing.length; i++) (missing[i] as Check).addTested(1);
    if (own.length > 0) for (const one of own) if (!absent || one.testMissing) this.#addOwn(one, value);
    if (absent) {
      for (const check of missing) this.#sink.violation(check, value);
      return;
    }
    // A value of another type is one violation, not one of each rule that could not read it.
    if (types.length > 0 && this.#isOfOtherType(types, value, single)) return;
    for (let i = 0; i < values.length; i++) {
      const { check, test } = values[i] as ValueCheck;
      check.addTested(1);
      if (test(value, single)) this.#sink.violation(check, value);
    }
    if (constants.length > 0) this.#addToConstants(constants, value);
    if (freshness.length > 0) for (const one of freshness) this.#addTime(one, value);
  }

  /** Ends a window. */
  endWindow(): void {
    const { missing, types, values, own, constants } = this.#checks;
    for (const check of missing) check.endWindow();
    for (const { check } of types) check.endWindow();
    for (const { check, forget } of values) {
      check.endWindow();
      forget?.();
    }
    for (const { check } of own) check.endWindow();
    for (const constant of constants) this.#endConstant(constant);
    this.#forgetValues();
  }

  /** Starts anew. */
  reset(): void {
    const { missing, types, values, own, constants } = this.#checks;
    for (const check of missing) check.reset();
    for (const { check } of [...types, ...own, ...constants]) check.reset();
    for (const { check, forget } of values) {
      check.reset();
      forget?.();
    }
    this.#forgetValues();
  }

  #isOfOtherType(types: readonly ValueCheck[], value: unknown, single: boolean): boolean {
    let other = false;
    for (let i = 0; i < types.length; i++) {
      const { check, test } = types[i] as ValueCheck;
      check.addTested(1);
      if (!test(value, single)) continue;
      other = true;
      this.#sink.violation(check, value);
    }
    return other;
  }

  #addOwn({ check, test }: OwnCheck, value: unknown): void {
    check.addTested(1);
    try {
      const right: unknown = test(value);
      if (right === false) this.#sink.violation(check, value);
      else if (right !== true) throw new TypeError(`${check.rule}: its test answered neither true nor false.`);
    } catch (error) {
      this.#sink.testError(check, error);
    }
  }

  #addToConstants(constants: readonly ConstantCheck[], value: unknown): void {
    for (const { check } of constants) check.addTested(1);
    const comparable = value instanceof Date ? value.getTime() : value;
    if (this.#present === 0) this.#first = comparable;
    else if (comparable !== this.#first) this.#allEqual = false;
    this.#present++;
  }

  /** Equal values are at most as likely as that all after the first are the commonest. */
  #endConstant({ check, commonestShare }: ConstantCheck): void {
    const lnP = this.#allEqual && this.#present > 1 ? (this.#present - 1) * Math.log(commonestShare) : 0;
    if (check.isTooRare(lnP)) this.#sink.violation(check, this.#first);
    check.endWindow(lnP);
  }

  #forgetValues(): void {
    this.#first = undefined;
    this.#present = 0;
    this.#allEqual = true;
  }

  #addTime(freshness: Freshness, value: unknown): void {
    const time = eventTimeOf(value);
    if (time === undefined) return;
    freshness.check.addTested(1);
    if (!freshness.add(time, this.#sink.nowMs)) this.#sink.violation(freshness.check, value);
  }
}
