import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findGraphics } from './graphics';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

test.each([
  ['nothing', [], { nvidiaDriver: false, card: false, packageManager: undefined }],
  ['a server without a card', ['dev/dri/card0', 'usr/bin/apt-get'], { card: false, packageManager: 'apt-get' }],
  ['a card with a render node', ['dev/dri/renderD128', 'usr/bin/dnf'], { card: true, nvidiaDriver: false }],
  ['a card of NVIDIA', ['proc/driver/nvidia/version', 'usr/bin/dnf'], { card: true, nvidiaDriver: true }],
  ['a card of NVIDIA in a container', ['dev/nvidiactl'], { card: true, nvidiaDriver: true }],
  ['Windows below Linux', ['dev/dxg'], { card: true, nvidiaDriver: false }],
  ['Windows below Linux, with a card of NVIDIA', ['usr/lib/wsl/lib/libcuda.so.1'], { card: true, nvidiaDriver: true }],
  ['both package managers', ['usr/bin/dnf', 'usr/bin/apt-get'], { packageManager: 'apt-get' }],
])('%s', (_what, files, expected) => {
  const root = mkdtempSync(join(tmpdir(), 'fairlead-graphics-'));
  roots.push(root);
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  expect(findGraphics(root)).toMatchObject(expected);
});
