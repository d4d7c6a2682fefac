import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Manifest, manifestOf, packageFolders, repository } from './entries';

/** A package as it would be published. */
export interface PackedPackage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** The absolute path of its tarball. */
  readonly tarball: string;
}

/**
 * Packs every package as it is built now into a folder that exists.
 *
 * @throws Error with npm's own words when a package cannot be packed.
 */
export function packAll(destination: string): PackedPackage[] {
  const workspaces = packageFolders.map((folder) => `--workspace=packages/${folder}`);
  const output = npm(
    ['pack', '--json', '--ignore-scripts', `--pack-destination=${destination}`, ...workspaces],
    repository,
  );
  const reports = Object.values(JSON.parse(output) as Record<string, { name: string; filename: string }>);
  return packageFolders.map((folder) => {
    const manifest = manifestOf(folder);
    const report = reports.find(({ name }) => name === manifest.name);
    if (report === undefined) throw new Error(`npm pack says nothing of ${manifest.name}: ${output}`);
    return { folder, manifest, tarball: join(destination, report.filename) };
  });
}

/** Lays the packed packages and what they depend on into `consumer/node_modules` without a registry: for the type checker. */
export function unpackInto(consumer: string, packages: readonly PackedPackage[]): void {
  const linked = new Set<string>();
  for (const { manifest, tarball } of packages) {
    const target = join(consumer, 'node_modules', manifest.name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
    for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
      if (packages.some((other) => other.manifest.name === dependency)) continue;
      linked.add(dependency);
      // A library without types of its own has them beside it, as a user installs them.
      if (existsSync(join(repository, 'node_modules/@types', dependency))) linked.add(`@types/${dependency}`);
    }
  }
  for (const dependency of linked) {
    const target = join(consumer, 'node_modules', dependency);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(repository, 'node_modules', dependency), target, 'junction');
  }
}

/**
 * Runs npm and returns what it writes to stdout.
 *
 * @throws Error with npm's stderr when it fails.
 */
export function npm(args: readonly string[], folder: string): string {
  return execFileSync('npm', [...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
    shell: process.platform === 'win32',
  });
}
