import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Rollup } from 'vite';
import { expect, onTestFinished, test } from 'vitest';

/** Bundles a module as an app for browsers does, and answers every module that came along and the text of the bundle. */
async function bundle(code: string): Promise<{ readonly modules: readonly string[]; readonly text: string }> {
  // Inside the repository, so that the packages are found as a user's code finds them, and built as a user gets them.
  const folder = await mkdtemp(fileURLToPath(new URL('./.cache-page-', import.meta.url)));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(`${folder}/main.js`, code);
  const output = (await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    build: { write: false, rollupOptions: { input: `${folder}/main.js` } },
  })) as Rollup.RollupOutput;
  const chunks = output.output.filter((part) => part.type === 'chunk');
  return {
    modules: chunks.flatMap((chunk) => Object.keys(chunk.modules)),
    text: chunks.map((chunk) => chunk.code).join('\n'),
  };
}

test('the root entry of tracking needs nothing of Node in a page', async () => {
  const { modules, text } = await bundle(
    "import { openTracker } from '@fairlead/tracking'; globalThis.open = openTracker;",
  );
  expect(modules.some((module) => module.endsWith('packages/tracking/dist/in-browser.js'))).toBe(true);
  expect(modules.filter((module) => /on-node|node:|browser-external/.test(module))).toEqual([]);
  expect(text).not.toMatch(/["']node:/);
});
