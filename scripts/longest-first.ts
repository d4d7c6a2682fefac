import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { repository } from './entries.ts';

/**
 * Test files that take long, the longest first. On two cores they decide when the last test ends: one that begins late keeps
 * one core busy and leaves the other idle. Vitest knows durations by its last run, of which a clean checkout has none;
 * `.ci/run` names the slowest files in the end.
 */
export const longest = [
  'test/browser/conformance.test.ts',
  'test/snippets.test.ts',
  'test/browser/tfjs.test.ts',
  'test/browser/tracking-ui.test.ts',
  'test/browser/recovery.test.ts',
  'test/packed/packed.test.ts',
  'test/interop/mlflow-store.test.ts',
  'test/interop/mlflow-sync.test.ts',
  'test/interop/mlflow-tracker.test.ts',
  'test/interop/container.test.ts',
];

/** Begins with the longest test files, of whatever project, and leaves the others to Vitest. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.indexOf(relative(repository, moduleId).replaceAll('\\', '/'));
      return index < 0 ? longest.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
