import type { KnipConfig } from 'knip';
import { entriesOf, packageFolders } from './scripts/entries';

/** Scripts that tests start as processes of their own, and what alone imports a package that tests need. */
const fixtures: Record<string, string[]> = {
  core: ['src/serving/openapi/described.fixture.ts', 'src/tracing/tracing.fixture.ts'],
  node: [
    'src/audit/fixtures/*.ts',
    'src/cluster/fixtures/*.ts',
    'src/grpc/fixtures/*.ts',
    'src/machine/fixtures/*.ts',
    'src/metrics/fixtures/*.ts',
    'src/server/fixtures/*.ts',
    'src/stores/fixtures/*.ts',
  ],
  tracking: ['src/fixtures/*.ts'],
};

const packages = packageFolders.map((folder) => [
  `packages/${folder}`,
  {
    entry: [...Object.values(entriesOf(folder)), ...(fixtures[folder] ?? [])],
    project: ['src/**/*.{ts,tsx}', '!src/**/*.fixture.ts'],
  },
]);

export default {
  ignoreExportsUsedInFile: true,
  workspaces: {
    '.': {
      entry: ['scripts/*.ts', 'test/**/*.test.ts', 'test/**/*.process.ts', 'test/gpu/conform.ts'],
      project: ['*.ts', 'scripts/**/*.ts', 'test/**/*.ts'],
      // Commands that scripts/check-exports.ts starts.
      ignoreDependencies: ['@arethetypeswrong/cli', 'publint'],
      // Of Linux itself, for the container of test/interop.
      ignoreBinaries: ['ldd', 'unshare'],
    },
    ...Object.fromEntries(packages),
    'examples/*': { project: ['**/*.ts'] },
    benchmarks: {
      entry: [
        'suites/*.ts',
        'lib/fixtures/**/*.ts',
        'runner/*.process.ts',
        'monitoring/*.process.ts',
        'serving/*.process.ts',
        'tracking/*.process.ts',
      ],
      project: ['**/*.ts'],
    },
  },
} satisfies KnipConfig;
