import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { repository } from '../../scripts/entries';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(`${repository}package-lock.json`, 'utf8')) as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages);

it('locks the binaries of every platform, without which `npm ci` fails on all of them', () => {
  const locked = new Set(
    packages.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)),
  );
  const missing = packages.flatMap(([path, { version, optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !locked.has(name))
      .map((name) => `${path}@${version} needs ${name}: take a release whose binaries are all published`),
  );
  expect(missing).toEqual([]);
});

it('names no registry, so that everybody installs from their own', () => {
  const resolved = packages.map(([, { resolved }]) => resolved).filter((url) => url?.startsWith('http'));
  expect(resolved).toEqual([]);
});
