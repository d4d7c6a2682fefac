import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.ts';

/** Vitest would take one worker on a machine of two cores, and leave one idle. */
export const workers = Math.max(2, availableParallelism() - 1);

/** A folder whose tests import the sources of the packages, not their builds, by the `paths` of tsconfig.json. */
export function project(name: string, folder: string, exclude: string[] = []) {
  return {
    resolve: {
      tsconfigPaths: true,
      // A package's own `imports` come before the paths, and lead to its build.
      alias: { '#files': fileURLToPath(new URL('./packages/tracking/src/files/on-node.ts', import.meta.url)) },
    },
    test: {
      name,
      root: fileURLToPath(new URL(folder, import.meta.url)),
      include: ['**/*.test.ts'],
      exclude: ['**/node_modules/**', '**/dist/**', ...exclude],
      // Nothing depends on how fast the machine is: these only end what hangs.
      testTimeout: 60_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: 30_000 } },
      setupFiles: [fileURLToPath(new URL('./test/patience.ts', import.meta.url))],
    },
  };
}

export default defineConfig({
  test: {
    maxWorkers: workers,
    sequence: { sequencer: LongestFirst },
    projects: [
      project('core', './packages/core'),
      project('node', './packages/node'),
      project('browser', './packages/browser'),
      project('tracking', './packages/tracking'),
      project('examples', './examples'),
      project('benchmarks', './benchmarks'),
      project('test', './test', ['interop/**']),
    ],
  },
});
