import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.ts';
import { project, workers } from './vitest.workspace.ts';

/** Tests against third-party models and services: `npm run test:interop`, never `npm test`. */
export default defineConfig({
  test: {
    maxWorkers: workers,
    sequence: { sequencer: LongestFirst },
    projects: [project('interop', './test/interop')],
    passWithNoTests: true,
  },
});
