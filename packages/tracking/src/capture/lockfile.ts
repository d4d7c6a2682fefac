import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The file that pins what is installed. */
export interface Lockfile {
  /** Its path, relative to the folder that was captured. */
  readonly path: string;
  /** SHA-256 of its bytes, lower-case hex. */
  readonly digest: string;
}

const names = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
];

/** The nearest lock file, in a folder or above it. */
export async function readLockfile(folder: string, signal: AbortSignal | undefined): Promise<Lockfile | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const name = names.find((each) => existsSync(join(at, each)));
    if (name !== undefined) {
      const path = join(at, name);
      return { path: relative(folder, path).replaceAll('\\', '/'), digest: await digestOf(path, signal) };
    }
    if (dirname(at) === at) return undefined;
  }
}

async function digestOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { signal })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/**
 * The versions of packages as they are installed for a folder. A package that is not there is left out.
 */
export function readPackageVersions(folder: string, packages: readonly string[]): Readonly<Record<string, string>> {
  const versions: [string, string][] = [];
  const { resolve } = createRequire(join(folder, 'noop.js'));
  for (const name of packages) {
    // A package need not export its own package.json, so it is looked for where Node would find the package.
    for (const modules of resolve.paths(name) ?? []) {
      try {
        const { version } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as {
          version?: unknown;
        };
        if (typeof version === 'string') versions.push([name, version]);
        break;
      } catch {
        // Not in this folder: the next one above may have it.
      }
    }
  }
  return Object.fromEntries(versions);
}
