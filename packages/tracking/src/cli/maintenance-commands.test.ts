import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { CompactReport, StoreProblem } from '../store/maintenance';
import { checkCommand } from './check';
import { compactCommand } from './compact';
import { formatBytes } from './format-bytes';
import { garbageCommand } from './gc';

async function openStore() {
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  const run = await tracker.withRun({}, async (live) => {
    await live.logArtifact('a', new TextEncoder().encode('bytes'));
    return live.id;
  });
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  return { dir, tracker, run, write, said: () => text };
}

test('compact says what it did, and what it would do', async () => {
  const { tracker, write, said } = await openStore();
  expect(await compactCommand(tracker, {}, write)).toBe(0);
  expect(said()).toBe('0 runs were compacted: 0 segments to 0, 0 bytes to 0 bytes.\n');
  const report: CompactReport = {
    runs: 1,
    segments: { before: 3, after: 1 },
    bytes: { before: 3_000_000, after: 1500 },
    skipped: [{ run: 'abc', reason: 'it has not ended' }],
  };
  let text = '';
  await compactCommand({ compact: async () => report }, { dryRun: true }, (part) => {
    text += part;
  });
  expect(text).toBe(
    'abc was left alone: it has not ended.\n' +
      '1 run would be compacted: 3 segments to 1, 2.9 MiB to at most 1.5 KiB.\n',
  );
});

test('gc lists what it removes', async () => {
  const { dir, tracker, write, said } = await openStore();
  const left = join(dir, 'artifacts/.tmp-left');
  await writeFile(left, 'left');
  await utimes(left, 1000, 1000);
  expect(await garbageCommand(tracker, { dryRun: true }, write)).toBe(0);
  expect(said()).toBe('leftover  artifacts/.tmp-left  4 bytes\n1 thing of 4 bytes would be removed.\n');
  expect(await garbageCommand(tracker, {}, write)).toBe(0);
  expect(await garbageCommand(tracker, {}, write)).toBe(0);
  expect(said()).toMatch(/4 bytes were removed\.\n0 things of 0 bytes were removed\.\n$/);
});

test('check ends with 1 where something is wrong that does not mend itself', async () => {
  const { dir, tracker, run, write, said } = await openStore();
  expect(await checkCommand(tracker, {}, write)).toBe(0);
  expect(said()).toMatch(/^1 run in 1 segment, 1 artifact, 0 models, \d+ bytes read: all is well\.\n$/);
  const [artifact] = (await tracker.getRun(run)).artifacts;
  await writeFile(join(dir, 'artifacts', artifact?.digest ?? ''), 'other');
  expect(await checkCommand(tracker, {}, write)).toBe(1);
  expect(said()).toMatch(/digest-mismatch: artifacts\/[0-9a-f]{64} has other bytes.*\n.*: 1 problem\.\n$/);
  const problem: StoreProblem = { file: 'f', offset: 0, length: 0, kind: 'rebuildable', message: 'm' };
  const report = { ...(await tracker.check()), problems: [problem] };
  expect(await checkCommand({ check: async () => report }, {}, () => {})).toBe(0);
});

test('bytes are said in the unit that suits them', () => {
  expect([0, 1023, 1024, 1536 * 1024, 2 ** 51].map(formatBytes)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1.5 MiB',
    '2048.0 TiB',
  ]);
});
