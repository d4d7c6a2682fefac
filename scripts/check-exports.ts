import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository, subpathsOf } from './entries';
import { type PackedPackage, packAll, unpackInto } from './packed';

/** Checks the packages as they would be published: publint, arethetypeswrong, and a user's strict TypeScript on every entry. */
const folder = mkdtempSync(join(tmpdir(), 'fairlead-exports-'));
const failures: string[] = [];

/**
 * Entries whose declarations name types of TensorFlow.js. Its own do not pass a strict check, and bring other declarations of
 * WebGPU than TypeScript's; so what is wrong in them counts for nothing, and what is wrong in ours does.
 */
const onTensorFlow: ReadonlySet<string> = new Set(['@fairlead/core/tfjs']);
const notOurs = /^\S*node_modules\/(?:@tensorflow|@webgpu|typescript\/lib)\/|^\s|^$/;

function check(what: string, command: string, args: readonly string[], ignored?: RegExp): void {
  const bin = join(repository, 'node_modules/.bin', command);
  const run = spawnSync(bin, args, { encoding: 'utf8', shell: process.platform === 'win32' });
  if (run.status === 0) return;
  if (ignored !== undefined && run.stderr === '' && run.stdout.split('\n').every((line) => ignored.test(line))) return;
  failures.push(what);
  console.error(`${what}:\n${run.stdout}${run.stderr}`);
}

/** Users' files that import every entry, with the declarations themselves checked too. */
function checkTypes(name: string, packages: readonly PackedPackage[], options: readonly string[]): void {
  const modules = packages.flatMap(({ manifest }) =>
    subpathsOf(manifest).map((subpath) => `${manifest.name}${subpath.slice(1)}`),
  );
  const strict = modules.filter((module) => !onTensorFlow.has(module));
  checkModules(name, strict, options);
  if (strict.length < modules.length) {
    const others = modules.filter((module) => onTensorFlow.has(module));
    checkModules(`${name}-tensorflow`, others, options, notOurs);
  }
}

function checkModules(name: string, modules: readonly string[], options: readonly string[], ignored?: RegExp): void {
  const lines = modules.map((module, index) => `import * as entry${index} from '${module}';\nvoid entry${index};\n`);
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, lines.join(''));
  const common = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'ES2022'];
  const libraries = ['--lib', 'ES2023,ESNext.Disposable,DOM,DOM.Iterable,DOM.AsyncIterable'];
  const typeRoots = ['--typeRoots', join(repository, 'node_modules/@types')];
  check(`types ${name}`, 'tsc', [...common, ...libraries, ...typeRoots, ...options, file], ignored);
}

try {
  const packages = packAll(folder);
  for (const { folder: name, manifest, tarball } of packages) {
    check(`publint ${manifest.name}`, 'publint', ['run', tarball, '--strict']);
    check(`attw ${manifest.name}`, 'attw', [tarball, '--profile', 'esm-only', '--no-color', '--no-emoji']);
    if (subpathsOf(manifest).length === 0) failures.push(`packages/${name} exports nothing`);
  }
  unpackInto(folder, packages);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  checkTypes('on-node', packages, ['--module', 'NodeNext', '--types', 'node']);
  const isomorphic = packages.filter(({ folder: name }) => name === 'core' || name === 'browser');
  checkTypes('in-a-page', isomorphic, ['--module', 'ESNext', '--moduleResolution', 'bundler']);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failures.length > 0) {
  console.error(`Failed: ${failures.join(', ')}.`);
  process.exitCode = 1;
}
