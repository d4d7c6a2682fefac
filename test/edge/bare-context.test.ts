import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { manifestOf, subpathsOf } from '../../scripts/entries';
import { createBareContext } from './bare-context';
import { bundleForEdge } from './bundle';
import { expectedFindings } from './findings';
import type { Findings } from './program';

/** Peers that an app installs for itself, and that are loaded when they are first used. */
const peers = ['echarts', 'onnxruntime-web'];

const entries = ['core', 'browser'].flatMap((folder) => {
  const manifest = manifestOf(folder);
  return subpathsOf(manifest).map((subpath) => `${manifest.name}${subpath.slice(1)}`);
});

const isPeer = (module: string): boolean => peers.some((peer) => module === peer || module.startsWith(`${peer}/`));

test('the bare context has no platform', () => {
  const { names } = createBareContext();
  for (const absent of ['process', 'Buffer', 'window', 'document', 'navigator', 'self', 'require', 'setImmediate']) {
    expect(names).not.toContain(absent);
  }
});

describe('without Node and without a page', () => {
  test.each(entries)('%s is imported', async (entry) => {
    const { code, imports } = await bundleForEdge(`export * from '${entry}';`, 'iife', peers);
    expect(imports.filter((module) => !isPeer(module))).toEqual([]);
    expect(code).not.toMatch(/["']node:/);
    const { run } = createBareContext();
    run(code);
    expect(Object.keys(run('edge') as object).length).toBeGreaterThan(0);
  });

  test('runner, batcher, metrics, monitor, serving handler, remote runner and cascade compute', async () => {
    const program = fileURLToPath(new URL('program.ts', import.meta.url));
    const { code, imports } = await bundleForEdge(`export * from ${JSON.stringify(program)};`, 'iife', peers);
    expect(imports.filter((module) => !isPeer(module))).toEqual([]);
    const { run } = createBareContext();
    run(code);
    const { exercise, handle } = run('edge') as typeof import('./program');
    expect((await exercise()) satisfies Findings).toEqual(expectedFindings);

    const asked = await handle(
      new Request('http://edge.test/v2/models/double/infer', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [3, 4] }] }),
      }),
    );
    expect(asked.status).toBe(200);
    expect(await asked.json()).toMatchObject({
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [6, 8] }],
    });
    expect((await handle(new Request('http://edge.test/v2/models/triple/infer', { method: 'POST' }))).status).toBe(404);
  });
});
