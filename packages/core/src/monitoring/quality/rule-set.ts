import { describeValue } from '../../config';
import type { Check } from './check';
import { type Column, cellAt } from './columns';
import type { CompiledRules, RecordCheck } from './compile-rules';
import { FieldWatch, type ViolationSink } from './field-watch';
import type { DataRecord } from './infer-schema';
import type { CheckReport, FreshnessSnapshot, QualityState } from './quality-report';
import { isMissing } from './values';

const order: readonly QualityState[] = ['ok', 'warning', 'failed'];

/** What applying the rules says back. */
export interface RuleSetListener {
  /** A check's state changed. */
  change(check: Check, from: QualityState): void;
  /** A rule's own test threw, or answered neither true nor false. */
  testError(check: Check, error: unknown): void;
}

/** How examples are kept. */
export interface ExampleRules {
  readonly most: number;
  readonly redact: ((value: unknown, feature: string, rule: string) => string) | undefined;
}

/** Applies compiled rules to rows, one after another, and tells what changes. */
export class RuleSet implements ViolationSink {
  readonly #rules: CompiledRules;
  readonly #examples: ExampleRules;
  readonly #listener: RuleSetListener;
  readonly #watches: readonly FieldWatch[];
  readonly #known: ReadonlySet<string>;
  /** The row that record rules read from tensors: made once, overwritten by each. */
  readonly #view: Record<string, unknown> = {};
  readonly #viewed: readonly boolean[];
  readonly #early = new Set<Check>();
  nowMs = 0;
  /** Number of the row that is being checked, from 1. */
  row = 0;

  constructor(rules: CompiledRules, examples: ExampleRules, listener: RuleSetListener) {
    this.#rules = rules;
    this.#examples = examples;
    this.#listener = listener;
    this.#watches = rules.fields.map((field) => new FieldWatch(field, this));
    this.#known = new Set(rules.fields.map(({ name }) => name));
    const read = new Set(rules.records.flatMap(({ rule }) => rule.fields));
    this.#viewed = rules.fields.map(({ name }) => read.has(name));
  }

  /** The worst state. */
  get state(): QualityState {
    let worst = 0;
    for (const { state } of this.#rules.checks) worst = Math.max(worst, order.indexOf(state));
    return order[worst] as QualityState;
  }

  /** Whether something was too old when it was last looked at. */
  get stale(): boolean {
    for (const { check } of this.#rules.freshness) if (check.state === 'failed') return true;
    return false;
  }

  get checks(): readonly Check[] {
    return this.#rules.checks;
  }

  /** Checks a row of tensors. */
  addRow(columns: readonly Column[], row: number): void {
    const watches = this.#watches;
    for (let i = 0; i < watches.length; i++) {
      const column = columns[i] as Column;
      const value = cellAt(column, row);
      (watches[i] as FieldWatch).add(value, column.single);
      if (this.#viewed[i] === true) this.#view[(watches[i] as FieldWatch).name] = value;
    }
    this.#endRow(this.#view);
  }

  /** Checks a record. */
  addRecord(record: DataRecord): void {
    for (const watch of this.#watches) {
      watch.add(Object.hasOwn(record, watch.name) ? record[watch.name] : undefined, false);
    }
    const { unknownFields } = this.#rules;
    if (unknownFields !== undefined) {
      unknownFields.addTested(1);
      const unknown = Object.keys(record).find((name) => !this.#known.has(name));
      if (unknown !== undefined) this.violation(unknownFields, unknown);
    }
    this.#endRow(record);
  }

  #endRow(row: DataRecord): void {
    for (const one of this.#rules.records) this.#addToRecordCheck(one, row);
    for (const { check } of this.#rules.rowFreshness) check.addTested(1);
    if (this.#early.size > 0) {
      for (const check of this.#early) this.#changeTo(check, () => check.moveTo('failed'));
      this.#early.clear();
    }
  }

  #addToRecordCheck({ check, rule }: RecordCheck, row: DataRecord): void {
    if (rule.testMissing !== true && rule.fields.some((field) => isMissing(row[field]))) return;
    check.addTested(1);
    try {
      const right: unknown = rule.test(row);
      if (right === false) this.violation(check, Object.fromEntries(rule.fields.map((field) => [field, row[field]])));
      else if (right !== true) throw new TypeError(`${check.rule}: its test answered neither true nor false.`);
    } catch (error) {
      this.testError(check, error);
    }
  }

  violation(check: Check, value: unknown): void {
    if (check.addViolation(this.#examples.most)) {
      check.keep({ value: this.#show(check, value), row: this.row, atMs: this.nowMs }, this.#examples.most);
    }
    if (check.failsEarly) this.#early.add(check);
  }

  testError(check: Check, error: unknown): void {
    this.#listener.testError(check, error);
  }

  /** Ends the window and decides. */
  endWindow(): void {
    const before = this.#rules.checks.map(({ state }) => state);
    for (const watch of this.#watches) watch.endWindow();
    for (const { check } of this.#rules.records) check.endWindow();
    this.#rules.unknownFields?.endWindow();
    for (const { check } of this.#rules.freshness) check.beginWindow();
    this.#early.clear();
    this.#rules.checks.forEach((check, index) => {
      const from = before[index] as QualityState;
      if (check.state !== from) this.#listener.change(check, from);
    });
  }

  /** Notes that rows came. */
  addRowTime(): void {
    for (const freshness of this.#rules.rowFreshness) freshness.add(this.nowMs, this.nowMs);
  }

  /** Compares ages with what they may be; answers the milliseconds until the next could be too old. */
  checkAges(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const freshness of this.#rules.freshness) {
      const { check, maxAgeMs } = freshness;
      const left = maxAgeMs - freshness.ageMs(this.nowMs);
      if (left > 0) {
        next = Math.min(next, left);
        this.#changeTo(check, () => check.moveTo('ok'));
      } else if (check.state !== 'failed') {
        this.violation(check, `${freshness.ageMs(this.nowMs)} ms old`);
        this.#changeTo(check, () => check.moveTo('failed'));
      }
    }
    return next;
  }

  /** Starts anew; the counts stay. */
  reset(): void {
    for (const watch of this.#watches) watch.reset();
    for (const { check } of this.#rules.records) check.reset();
    this.#rules.unknownFields?.reset();
    for (const freshness of this.#rules.freshness) {
      freshness.check.reset();
      freshness.reset(this.nowMs);
    }
    this.#early.clear();
  }

  freshness(): FreshnessSnapshot[] {
    return this.#rules.freshness.map((one) => ({
      rule: one.check.rule,
      feature: one.check.feature,
      ageMs: one.ageMs(this.nowMs),
      maxAgeMs: one.maxAgeMs,
    }));
  }

  #changeTo(check: Check, move: () => void): void {
    const from = check.state;
    move();
    if (check.state !== from) this.#listener.change(check, from);
  }

  #show({ feature, rule }: Check, value: unknown): string {
    const { redact } = this.#examples;
    if (redact === undefined) return describeValue(value);
    try {
      return String(redact(value, feature, rule));
    } catch {
      return '(not shown)';
    }
  }
}

/** What a check knows, as plain data. */
export function reportOf(check: Check): CheckReport {
  const { rule, feature, state, violations, tested, tolerance, last } = check;
  return {
    rule,
    feature,
    state,
    violations,
    tested,
    tolerance,
    lastWindow:
      last === undefined ? null : { tested: last.tested, violations: last.violations, pValue: Math.exp(last.lnP) },
    window: { tested: check.windowTested, violations: check.windowViolations },
    examples: check.examples.map((example) => ({ ...example })),
  };
}

/** Worst first, then by the share of violations. */
export function worstFirst(a: CheckReport, b: CheckReport): number {
  const byState = order.indexOf(b.state) - order.indexOf(a.state);
  if (byState !== 0) return byState;
  return b.violations / Math.max(1, b.tested) - a.violations / Math.max(1, a.tested);
}
