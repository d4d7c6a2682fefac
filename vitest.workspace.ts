import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests import the sources of the packages, not their builds. `@fairlead/x/y` is src/y/index.ts or src/y.ts. */
const resolve = { tsconfigPaths: true };

function project(name: string, root: string, include = ['**/*.test.ts']) {
  return {
    resolve,
    test: { name, root: at(root), include, exclude: ['**/node_modules/**', '**/dist/**'], environment: 'node' as const },
  };
}

export default defineConfig({
  resolve,
  test: {
    passWithNoTests: true,
    projects: [
      project('core', './packages/core'),
      project('node', './packages/node'),
      project('browser', './packages/browser'),
      project('tracking', './packages/tracking'),
      project('examples', './examples'),
      project('benchmarks', './benchmarks'),
      { ...project('test', './test'), test: { ...project('test', './test').test, exclude: ['**/node_modules/**', 'interop/**'] } },
    ],
  },
});
