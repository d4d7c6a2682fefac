import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository's root, an absolute path that ends in a separator. */
export const repository = fileURLToPath(new URL('..', import.meta.url));

/** The packages, by folder, each after those it depends on. */
export const packageFolders = ['core', 'node', 'browser', 'tracking'];

/** Modules that a package does not export: those it loads by URL, such as workers, and its commands. Keyed by package, each `output name: source`. */
const internalEntries: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  node: {
    'lane-worker': 'src/lanes/lane-worker.ts',
    'onnx-lane': 'src/onnx/onnx-backend.ts',
    'fairlead-node': 'src/doctor/main.ts',
    'tfjs-lane': 'src/tfjs/tfjs-backend.ts',
  },
  browser: { 'lane-worker': 'src/lanes/lane-worker.ts' },
  tracking: {
    'fairlead-tracking': 'src/cli/main.ts',
    'on-node': 'src/files/on-node.ts',
    'in-browser': 'src/files/in-browser.ts',
  },
};

/** The fields of a package.json that the toolchain reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Reads `packages/<folder>/package.json`. */
export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(`${repository}packages/${folder}/package.json`, 'utf8')) as Manifest;
}

/** The subpaths that a package exports as modules: `.`, `./metrics` … */
export function subpathsOf(manifest: Manifest): string[] {
  return Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
}

/** The entries that users import, `output name: source` relative to the package's folder: each subpath `./x` is src/x/index.ts or src/x.ts. */
export function exportedEntriesOf(folder: string): Record<string, string> {
  const names = subpathsOf(manifestOf(folder)).map((subpath) => (subpath === '.' ? 'index' : subpath.slice(2)));
  return existing(
    folder,
    names.map((name) => [name, [`src/${name}/index.ts`, `src/${name}.ts`]]),
  );
}

/** All entries of a package: those that users import, and internal ones on top. */
export function entriesOf(folder: string): Record<string, string> {
  const internal = Object.entries(internalEntries[folder] ?? {}).map(([name, path]) => [name, [path]] as const);
  return { ...exportedEntriesOf(folder), ...existing(folder, internal) };
}

function existing(
  folder: string,
  wanted: readonly (readonly [name: string, candidates: readonly string[]])[],
): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const [name, candidates] of wanted) {
    const source = sourceOf(folder, candidates);
    if (source !== undefined) entries[name] = source;
    else console.warn(`packages/${folder}: the entry "${name}" has no source yet: ${candidates.join(' or ')}.`);
  }
  return entries;
}

function sourceOf(folder: string, candidates: readonly string[]): string | undefined {
  return candidates.find((path) => existsSync(`${repository}packages/${folder}/${path}`));
}
