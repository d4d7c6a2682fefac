import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule, TestSuite } from 'vitest/node';

/**
 * A reporter of Vitest's that writes what .ci/tell.mjs tells, a line of JSON for each thing as it happens, into the file that
 * `FAIRLEAD_CI_REPORT` names: so that a run that is ended from outside has told what it knew. Vitest's own report in JSON says
 * nothing of a hook that failed, nor of an error outside of tests.
 */

/** A test file has begun. */
export interface Begun {
  readonly begun: string;
}

/** A test file has ended. */
export interface Ended {
  readonly file: string;
  readonly seconds: number;
  readonly passed: number;
  /** Tests that failed, and suites whose hooks did, or which could not be read. */
  readonly failures: readonly Failure[];
  readonly skips: readonly Skip[];
  /** Tests that did not run, since a suite around them failed. */
  readonly notRun: number;
}

/** All has ended, though not all well. */
export interface RunEnded {
  readonly ended: string;
  /** Errors that no test caught. */
  readonly failures: readonly Failure[];
}

interface Failure {
  readonly name: string;
  readonly message: string;
}

interface Skip {
  readonly name: string;
  readonly why?: string;
}

interface SomeError {
  readonly message: string;
  readonly stack?: string | undefined;
  readonly diff?: string | undefined;
}

export default class LinesReporter implements Reporter {
  readonly #report = process.env.FAIRLEAD_CI_REPORT ?? '';

  onInit(): void {
    if (this.#report === '') throw new Error('FAIRLEAD_CI_REPORT names no file to write the report into.');
  }

  onTestModuleQueued(module: TestModule): void {
    this.#write({ begun: nameOf(module) });
  }

  onTestModuleEnd(module: TestModule): void {
    this.#write(whatCameOf(module));
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SomeError[], reason: string): void {
    const failures = errors.map((error) => ({ name: 'an error that no test caught', message: messageOf([error]) }));
    this.#write({ ended: reason, failures });
  }

  #write(line: Begun | Ended | RunEnded): void {
    appendFileSync(this.#report, `${JSON.stringify(line)}\n`);
  }
}

function whatCameOf(module: TestModule): Ended {
  const file = nameOf(module);
  const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  const failures: Failure[] = broken.map((suite) => ({
    name: suite.type === 'module' ? file : `${file} > ${suite.fullName}`,
    message: messageOf(suite.errors()),
  }));
  const skips: Skip[] = [];
  let passed = 0;
  let notRun = 0;
  for (const test of module.children.allTests()) {
    const name = `${file} > ${test.fullName}`;
    const result = test.result();
    if (result.state === 'passed') passed++;
    else if (result.state === 'failed') failures.push({ name, message: messageOf(result.errors) });
    else if (isWithin(test.parent, broken)) notRun++;
    else if (result.state === 'skipped')
      skips.push({ name, ...(result.note === undefined ? {} : { why: result.note }) });
    else failures.push({ name, message: 'It did not end.' });
  }
  return { file, seconds: module.diagnostic().duration / 1000, passed, failures, skips, notRun };
}

function isWithin(suite: TestSuite | TestModule, suites: readonly (TestSuite | TestModule)[]): boolean {
  return suites.includes(suite) || (suite.type === 'suite' && isWithin(suite.parent, suites));
}

/** By its path from where Vitest was started. */
function nameOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId);
}

function messageOf(errors: readonly SomeError[]): string {
  return errors
    .map(({ message, stack, diff }) => [message, diff, ourFrame(stack)].filter(Boolean).join('\n'))
    .join('\n');
}

/** Where an error came from: the first line of its stack that is no module's of others. */
function ourFrame(stack = ''): string | undefined {
  return stack.split('\n').find((line) => /^\s+at /.test(line) && !/node_modules|node:/.test(line));
}
