import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BenchSite, serveBench } from './site';

let folder: string;
let site: BenchSite;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-site-'));
  await writeFile(join(folder, 'index.html'), '<p>page</p>');
  site = await serveBench(folder);
});

afterAll(async () => {
  await site.close();
  await rm(folder, { recursive: true });
});

it('serves the page, isolated', async () => {
  const response = await fetch(site.origin);
  expect(await response.text()).toBe('<p>page</p>');
  expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
});

it.each([
  ['at once', undefined],
  ['in pieces', 2_000_000],
])('sends a model %s, kept out of the browser’s own cache, and remembers who asked', async (_how, bytesPerSecond) => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  site.models.set('a.onnx', bytes);
  site.asked.length = 0;
  site.bytesPerSecond = bytesPerSecond;
  const response = await fetch(`${site.origin}/models/a.onnx`);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0);
  expect(site.asked).toEqual(['a.onnx']);
});

it.each(['/models/b.onnx', '/nothing.js', '/../../package.json'])('has no %s', async (path) => {
  expect((await fetch(site.origin + path)).status).toBe(404);
});
