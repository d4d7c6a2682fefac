import { defineConfig, type Options } from 'tsup';
import { entriesOf, exportedEntriesOf, manifestOf, packageFolders } from './scripts/entries';

/** One build of one package, with every module it depends on left outside. */
function buildOf(folder: string): Options {
  const { name, dependencies, peerDependencies } = manifestOf(folder);
  const external = [name, ...Object.keys({ ...dependencies, ...peerDependencies })];
  const sources = Object.entries(entriesOf(folder)).filter(([output]) => !isPageWorker(folder, output));
  return {
    name: folder,
    entry: pathsOf(folder, Object.fromEntries(sources)),
    outDir: `packages/${folder}/dist`,
    format: 'esm',
    target: ['node20.19', 'es2022'],
    platform: folder === 'node' ? 'node' : 'neutral',
    // Chunks that entries share, so that an error or a symbol is one and the same through every entry.
    splitting: true,
    sourcemap: true,
    // The page of tracking and the worker of pages are builds of their own, at the same time.
    clean: folder === 'tracking' ? ['!page/**'] : folder === 'browser' ? ['!lane-worker.*'] : true,
    // Nobody imports the types of workers and commands, and declarations are what takes long. tsup's bundler of them sets
    // `baseUrl`, which TypeScript 6 calls deprecated.
    dts: { entry: pathsOf(folder, exportedEntriesOf(folder)), compilerOptions: { ignoreDeprecations: '6.0' } },
    // A module that begins with # is chosen by a condition when the package is used.
    external: [/^#/, ...external.map((module) => new RegExp(`^${module}(/|$)`))],
  };
}

/** Entries by paths from the repository's root. */
function pathsOf(folder: string, entries: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).map(([output, source]) => [output, `packages/${folder}/${source}`]),
  );
}

function isPageWorker(folder: string, output: string): boolean {
  return folder === 'browser' && output === 'lane-worker';
}

/**
 * The worker's script of `@fairlead/browser`: one file with core in it, and only the runtimes outside. Import maps do not
 * reach into workers, so without a bundler it could find nothing else.
 */
const pageWorker: Options = {
  name: 'worker',
  entry: { 'lane-worker': `packages/browser/${entriesOf('browser')['lane-worker']}` },
  outDir: 'packages/browser/dist',
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: false,
  sourcemap: true,
  noExternal: [/^@fairlead\/core/, /^zod/],
  external: Object.keys(manifestOf('browser').peerDependencies ?? {}).map((module) => new RegExp(`^${module}(/|$)`)),
};

/** The page of `@fairlead/tracking/ui`: one script and one style with everything in them, so that a user installs none of it. */
const page: Options = {
  name: 'page',
  entry: { main: 'packages/tracking/src/ui/page/main.tsx' },
  outDir: 'packages/tracking/dist/page',
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  noExternal: [/./],
  minify: true,
  clean: true,
  define: { 'process.env.NODE_ENV': '"production"' },
};

export default defineConfig((overrides) => [
  ...packageFolders.map(buildOf).map((build) => (overrides.dts === false ? { ...build, dts: false } : build)),
  pageWorker,
  page,
]);
