import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/*
 * What the packages were built from, so that nobody builds the same again. Only contents count, never times, and of both
 * sides: a source that changed, and a build that is not what the last one wrote, each mean a build.
 */

/** What a build reads beside the packages; the installed modules stand for the tools, and for what is bundled. */
const inputsBeside = [
  'package.json',
  'tsconfig.json',
  'tsup.config.ts',
  'scripts/build.ts',
  'scripts/build-stamp.ts',
  'scripts/entries.ts',
];
const installed = 'node_modules/.package-lock.json';

/** What a build was made from, and what it wrote. */
export interface BuildStamp {
  /** The digest of all that it read. */
  readonly inputs: string;
  /** The digest of all that it wrote. */
  readonly outputs: string;
  /** Whether the declarations of types are among it. */
  readonly declarations: boolean;
}

/**
 * The digest of all that a build reads: the sources and manifests of the packages, what the build is told, and the modules
 * that are installed. Undefined where nothing says which those are, so that no build can be known to be current.
 *
 * @param root the repository's root
 * @param folders the packages, by folder
 */
export function digestInputs(root: string, folders: readonly string[]): string | undefined {
  if (!existsSync(join(root, installed))) return undefined;
  const ofPackages = folders.flatMap((folder) => [
    `packages/${folder}/package.json`,
    ...filesUnder(root, `packages/${folder}/src`),
  ]);
  return digest(root, [...inputsBeside, installed, ...ofPackages]);
}

/** The digest of all that lies in the packages' `dist`. */
export function digestOutputs(root: string, folders: readonly string[]): string {
  return digest(
    root,
    folders.flatMap((folder) => filesUnder(root, `packages/${folder}/dist`)),
  );
}

/** Whether what lies in `dist` is what a build would write now. */
export function isCurrent(root: string, folders: readonly string[], declarations: boolean): boolean {
  const stamp = readStamp(root);
  if (stamp === undefined || (declarations && !stamp.declarations)) return false;
  return stamp.inputs === digestInputs(root, folders) && stamp.outputs === digestOutputs(root, folders);
}

/** Writes down what the build was made from. */
export function writeStamp(root: string, stamp: BuildStamp): void {
  const file = stampOf(root);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(stamp));
}

/** Forgets the last build: what a build that is under way leaves behind is none. */
export function removeStamp(root: string): void {
  rmSync(stampOf(root), { force: true });
}

function stampOf(root: string): string {
  return join(root, '.cache/build.json');
}

function readStamp(root: string): BuildStamp | undefined {
  try {
    return JSON.parse(readFileSync(stampOf(root), 'utf8')) as BuildStamp;
  } catch {
    return undefined;
  }
}

/** The files in a folder and those below it, by their paths from the root, in one order everywhere. */
function filesUnder(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? filesUnder(root, `${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
    )
    .sort();
}

/** Names and contents, each ended, so that no two lists of files have the same digest. A file that is missing has a digest of its own. */
function digest(root: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const path = join(root, file);
    const content = existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'missing';
    hash.update(`${file}\n${content}\n`);
  }
  return hash.digest('hex');
}
