import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installedVersion } from './installed';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-installed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function install(name: string, manifest: string): void {
  mkdirSync(join(folder, 'node_modules', name), { recursive: true });
  writeFileSync(join(folder, 'node_modules', name, 'package.json'), manifest);
}
const found = (name: string) => installedVersion(name, pathToFileURL(join(folder, 'deep/down/module.js')).href);

test('finds a package above, also one that exports nothing', () => {
  install('@scope/sealed', '{ "version": "1.2.3", "exports": {} }');
  expect(found('@scope/sealed')).toBe('1.2.3');
  expect(found('@scope/other')).toBeUndefined();
});

test('takes a broken manifest for none', () => {
  install('broken', '{');
  install('nameless', '{ "version": 1 }');
  expect(found('broken')).toBeUndefined();
  expect(found('nameless')).toBeUndefined();
});

test('finds what this package depends on', () => {
  expect(installedVersion('onnxruntime-node')).toMatch(/^1\.\d+\.\d+$/);
});
