import { existsSync, readFileSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

/** Modules that a package loads by URL and does not export: worker entries. Keyed by package, each `output name: source`. */
const internalEntries: Record<string, Record<string, string>> = {
  node: {
    'lane-worker': 'src/lanes/lane-worker.ts',
    'onnx-lane': 'src/onnx/onnx-backend.ts',
  },
};

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

/** One build of one package: every key of its `exports` is an entry, `./x` being src/x/index.ts or src/x.ts. */
function buildOf(folder: string): Options {
  const root = `packages/${folder}`;
  const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Manifest;
  const entry: Record<string, string> = {};
  for (const key of Object.keys(manifest.exports)) {
    if (key === './package.json') continue;
    const name = key === '.' ? 'index' : key.slice(2);
    const source = [`${root}/src/${name}/index.ts`, `${root}/src/${name}.ts`].find((path) => existsSync(path));
    if (source) entry[name] = source;
    else console.warn(`${manifest.name}: no source for "${key}"; write ${root}/src/${name}/index.ts or ${name}.ts.`);
  }
  for (const [name, path] of Object.entries(internalEntries[folder] ?? {})) {
    if (existsSync(`${root}/${path}`)) entry[name] = `${root}/${path}`;
    else console.warn(`${manifest.name}: no source for the internal entry "${name}" at ${root}/${path}.`);
  }
  const external = [manifest.name, ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })];
  return {
    name: folder,
    entry,
    outDir: `${root}/dist`,
    format: 'esm',
    target: ['node20.19', 'es2022'],
    platform: folder === 'node' ? 'node' : 'neutral',
    tsconfig: 'tsconfig.json',
    splitting: true,
    sourcemap: true,
    treeshake: false,
    clean: true,
    // tsup's bundler of declarations sets `baseUrl`, which TypeScript 6 calls deprecated.
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    external: external.map((name) => new RegExp(`^${name}(/|$)`)),
  };
}

export default defineConfig((overrides) =>
  ['core', 'node', 'browser', 'tracking']
    .map(buildOf)
    .filter((build) => Object.keys(build.entry ?? {}).length > 0)
    .map((build) => ({ ...build, ...(overrides.dts === false ? { dts: false } : {}) })),
);
