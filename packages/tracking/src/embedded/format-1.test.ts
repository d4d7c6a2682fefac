import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVirtualClock } from '@fairlead/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';

const fixture = fileURLToPath(new URL('../fixtures/format-1/store', import.meta.url));

async function copyOfFixture(): Promise<string> {
  const dir = join(await temporaryFolder(), 'store');
  await cp(fixture, dir, { recursive: true });
  return dir;
}

async function open(dir: string) {
  const tracker = await openTracker({ dir, clock: createVirtualClock(1_800_000_000_000) });
  onTestFinished(() => tracker.close());
  return tracker;
}

const formatOf = async (dir: string): Promise<unknown> =>
  (JSON.parse(await readFile(join(dir, 'fairlead.json'), 'utf8')) as { format: unknown }).format;

test('a data directory of format 1 is read in full, and reading leaves it as it is', async () => {
  const dir = await copyOfFixture();
  const tracker = await open(dir);
  const runs = await Promise.all((await tracker.runs()).map((run) => tracker.getRun(run.id)));
  expect(runs).toMatchObject([
    {
      name: 'third',
      experiment: 'other',
      status: 'INTERRUPTED',
      params: { depth: 3 },
      metrics: { loss: { last: 0.5 } },
    },
    {
      name: 'second',
      experiment: 'digits',
      status: 'FAILED',
      error: { name: 'RangeError', message: 'The loss is too high.' },
      params: { lr: 10 },
    },
    {
      id: '018bcfe5680060d571c921a5e8e40855',
      name: 'first',
      status: 'FINISHED',
      startedAt: 1_700_000_000_000,
      endedAt: 1_700_000_000_500,
      params: { augment: true, lr: 0.1, optimizer: 'adam' },
      tags: { owner: 'ada' },
      metrics: {
        loss: { count: 50, last: 0.02, step: 49, min: 0.02, max: 1 },
        odd: { count: 3, last: -0, min: -0, max: Number.POSITIVE_INFINITY },
        'val/accuracy': { count: 50, last: 0.98, min: 0, max: 0.98 },
      },
      artifacts: [{ name: 'model/weights.bin', size: 24 }],
    },
  ]);
  for (const run of runs) {
    expect(run.damage).toEqual([]);
    for (const [key, { count, last }] of Object.entries(run.metrics)) {
      const { steps, values } = await run.history(key);
      expect(values.length).toBe(count);
      expect(values).toContain(last);
      expect([...steps]).toEqual([...steps].sort((a, b) => a - b));
    }
    for (const artifact of run.artifacts) expect((await artifact.read()).byteLength).toBe(artifact.size);
  }
  const model = await tracker.registry.getModel('digits');
  expect(model.versions).toMatchObject([{ version: '1' }, { version: '2', metrics: { accuracy: 0.99 } }]);
  expect(await tracker.registry.aliasHistory('digits', 'champion')).toHaveLength(2);
  expect(model.damage).toEqual([]);
  expect(await formatOf(dir)).toBe(1);
});

test('the first run that is logged into one makes it format 2, and leaves no other file changed', async () => {
  const dir = await copyOfFixture();
  const before = await (await open(dir)).runs();
  const [tracker, other] = await Promise.all([open(dir), open(dir)]);
  await Promise.all([tracker, other].map((each) => each.withRun({}, (run) => run.log({ loss: 1 }))));
  expect(await formatOf(dir)).toBe(2);
  expect((await nodeFiles.list(dir)).filter((name) => name.startsWith('.tmp-'))).toEqual([]);
  expect((await (await open(dir)).runs()).slice(2)).toEqual(before);
});
