import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { digestInputs, digestOutputs, isCurrent, removeStamp, writeStamp } from '../../scripts/build-stamp';

const folders = ['a', 'b'];
let root: string;

function write(file: string, content: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
}

/** What scripts/build.ts does after a build. */
function stamp(declarations: boolean): void {
  const inputs = digestInputs(root, folders) as string;
  writeStamp(root, { inputs, outputs: digestOutputs(root, folders), declarations });
}

/** A repository that is built. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fairlead-build-stamp-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  write('package.json', '{}');
  write('tsup.config.ts', 'export default {};');
  write('node_modules/.package-lock.json', '{ "tsup": "8.5.1" }');
  for (const folder of folders) {
    write(`packages/${folder}/package.json`, '{}');
    write(`packages/${folder}/src/index.ts`, 'export const x = 1;');
    write(`packages/${folder}/src/deep/er.ts`, 'export const y = 1;');
    write(`packages/${folder}/dist/index.js`, 'export const x=1');
    write(`packages/${folder}/dist/page/main.css`, 'a{}');
  }
  stamp(true);
});

it('is current, with declarations and without, while nothing changes', () => {
  expect(isCurrent(root, folders, true)).toBe(true);
  expect(isCurrent(root, folders, false)).toBe(true);
});

it('is current where a file was written again with what it held', () => {
  const file = join(root, 'packages/a/src/index.ts');
  writeFileSync(file, readFileSync(file));
  utimesSync(file, 1e9, 1e9);
  expect(isCurrent(root, folders, false)).toBe(true);
});

it('lacks the declarations where the JavaScript alone was built', () => {
  stamp(false);
  expect(isCurrent(root, folders, false)).toBe(true);
  expect(isCurrent(root, folders, true)).toBe(false);
});

const move = (from: string, to: string): void => renameSync(join(root, from), join(root, to));

it.each<[string, () => void]>([
  ['a source', () => write('packages/b/src/deep/er.ts', 'export const y = 2;')],
  ['a source of the same length and time', () => sameLengthAndTime('packages/a/src/index.ts', 'export const x = 2;')],
  ['a source that is new', () => write('packages/a/src/new.ts', '')],
  ['a source that is gone', () => rmSync(join(root, 'packages/a/src/index.ts'))],
  ['a source of another name', () => move('packages/a/src/index.ts', 'packages/a/src/other.ts')],
  ['a style of a page', () => write('packages/b/src/ui/page.css', 'a{}')],
  ["a package's manifest", () => write('packages/a/package.json', '{ "exports": {} }')],
  ['what the build is told', () => write('tsup.config.ts', 'export default { minify: true };')],
  ['an entry of its list', () => write('scripts/entries.ts', 'export const packageFolders = [];')],
  ['the options of the compiler', () => write('tsconfig.json', '{ "compilerOptions": {} }')],
  ['a module that is installed', () => write('node_modules/.package-lock.json', '{ "tsup": "8.5.2" }')],
  ['the list of what is installed, which is gone', () => rmSync(join(root, 'node_modules/.package-lock.json'))],
  ['a built file', () => write('packages/a/dist/index.js', 'export const x=2')],
  ['a built file that is gone', () => rmSync(join(root, 'packages/b/dist/page/main.css'))],
  ['a built file that the build did not write', () => write('packages/b/dist/old.js', '')],
  ['all that was built, which is gone', () => rmSync(join(root, 'packages/a/dist'), { recursive: true })],
  ['the stamp, which a build took away that did not end', () => removeStamp(root)],
  ['the stamp, half written', () => write('.cache/build.json', '{ "inputs": "')],
])('is not current after a change of %s', (_what, change) => {
  change();
  expect(isCurrent(root, folders, false)).toBe(false);
});

function sameLengthAndTime(file: string, content: string): void {
  const path = join(root, file);
  utimesSync(path, 1e9, 1e9);
  stamp(true);
  writeFileSync(path, content);
  utimesSync(path, 1e9, 1e9);
}

it('does not mistake a list of files for another', () => {
  write('packages/a/src/one.ts', 'ab');
  write('packages/a/src/two.ts', 'c');
  const before = digestInputs(root, folders);
  write('packages/a/src/one.ts', 'a');
  write('packages/a/src/two.ts', 'bc');
  expect(digestInputs(root, folders)).not.toBe(before);
});
