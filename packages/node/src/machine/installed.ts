import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The version of a package as a module of this package finds it; undefined when it does not. Its manifest is looked for in
 * the folders that Node would look in, since a package need not export it.
 *
 * @param from URL of the module that would import it
 */
export function installedVersion(name: string, from: string = import.meta.url): string | undefined {
  for (const folder of createRequire(fileURLToPath(from)).resolve.paths(name) ?? []) {
    const version = versionIn(join(folder, name, 'package.json'));
    if (version !== undefined) return version;
  }
  return undefined;
}

function versionIn(file: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
