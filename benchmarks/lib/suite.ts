/** One measured figure, with the goal it is held against. */
export interface Result {
  /** What was measured, and beside what: `rows/s against bare session.run`. */
  readonly name: string;
  readonly value: number;
  /** `ratio`, `ms`, `rows/s`, `bytes` … */
  readonly unit: string;
  /** The standard error of a value that chance has a part in. */
  readonly standardError?: number;
  /** A bound such as `">= 0.9"` or `"<= 20"`, in the result's unit. A goal that is missed is shown and fails nothing. */
  readonly goal?: string;
  /** Why the goal may be missed, where that is known; shown where it is. */
  readonly remark?: string;
}

/** What a suite is given. */
export interface SuiteContext {
  /** How many measured rounds each comparison takes; warm-up rounds come on top. */
  readonly rounds: number;
  /** Whether a few runs are enough: to see that the suite works, not what it finds. Suites of comparisons take fewer rounds instead. */
  readonly quick: boolean;
  /** Says on stderr what is being measured, so that stdout holds results alone. */
  note(text: string): void;
}

/** The default export of a file in `benchmarks/suites/`; the file's name is the suite's. */
export interface Suite {
  readonly name: string;
  /** One line for the list of suites. */
  readonly describe: string;
  run(context: SuiteContext): Promise<readonly Result[]>;
}
