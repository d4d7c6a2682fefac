import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/* A page's entries are imported by whatever renders it on a server, where all that a page has is missing. */

const packageFolder = new URL('../packages/browser/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', packageFolder), 'utf8')) as {
  exports: Record<string, { default: string } | string>;
};
const entries = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === 'string' ? [] : [[subpath, new URL(target.default, packageFolder).href] as const],
);

/** What is called of an entry once it is imported, with `entry` in scope. */
const calls: Readonly<Record<string, string>> = {
  '.': `entry.onnx(); entry.onnx({ wasmPaths: '/ort', integrity: true });
    const report = await entry.detectDevices();
    answer = [report.webgpu.available, report.webassembly.available, report.secureContext.available];`,
  './model-cache': `const cache = entry.createModelCache();
    entry.cachedModel('https://example.com/digits.onnx', { cache });
    answer = typeof cache.estimate;`,
};
const answers: Readonly<Record<string, unknown>> = { '.': [false, true, false], './model-cache': 'function' };

/** Imports an entry and makes its calls, with a trap in place of everything that reaches outside; says what was touched. */
const program = (url: string, call: string): string => `
  const touched = [];
  for (const name of ['fetch', 'Worker', 'document', 'window', 'location', 'caches', 'indexedDB', 'localStorage', 'WebSocket']) {
    const value = name === 'fetch' ? () => { touched.push('fetch()'); return new Promise(() => {}); } : undefined;
    Object.defineProperty(globalThis, name, { configurable: true, value });
  }
  const before = new Set(Object.getOwnPropertyNames(globalThis));
  let answer;
  const entry = await import(${JSON.stringify(url)});
  ${call}
  // zod keeps what its copies share there.
  const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name) && !name.startsWith('__zod_'));
  const open = process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|FS|Close/.test(name));
  process.stdout.write(JSON.stringify({ touched, added, open, answer }));
`;

describe('@fairlead/browser on a server', () => {
  it.each(entries)('%s is imported and its factories are called, and nothing is touched', async (subpath, url) => {
    const script = program(url, calls[subpath] ?? '');
    // A process that something keeps alive ends by the timeout, and fails.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(packageFolder),
      timeout: 30_000,
    });
    expect(stderr).toBe('');
    const answer = subpath in answers ? { answer: answers[subpath] } : {};
    expect(JSON.parse(stdout)).toEqual({ touched: [], added: [], open: [], ...answer });
  });

  it('a model is still loaded there, by the WebAssembly that Node has', async () => {
    const [, url] = entries.find(([subpath]) => subpath === '.') ?? [];
    const script = `
      const { onnx } = await import(${JSON.stringify(url)});
      process.stdout.write(JSON.stringify(await onnx().isSupported()));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 30_000,
    });
    expect(JSON.parse(stdout)).toEqual({ supported: true, devices: ['wasm'] });
  });
});
