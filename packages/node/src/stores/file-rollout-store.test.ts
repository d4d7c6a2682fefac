import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoredRollout } from '@fairlead/core/rollouts';
import { createVirtualClock, rolloutStoreConformance } from '@fairlead/core/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileRolloutStore } from './file-rollout-store';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fairlead-stores-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const newFolder = (): Promise<string> => mkdtemp(join(root, 'place-'));

const stored: Omit<StoredRollout, 'epoch'> = {
  version: 1,
  status: 'running',
  strategy: 'canary',
  state: {},
  weights: { champion: 1 },
  arms: ['next'],
  models: {},
  evidenceEpoch: 1,
  coolDownUntilEpochMs: 0,
  history: [],
};

const createPlace = async () => {
  const directory = join(await newFolder(), 'made', 'later');
  const clock = createVirtualClock();
  return {
    open: () => fileRolloutStore({ directory, clock }),
    settle: async () => {
      // The watch's looks are on the virtual clock, and its reads on the real file system.
      for (let turn = 0; turn < 40; turn++) {
        await clock.advance(250);
        await readdir(root);
      }
    },
  };
};
for (const { name, run } of rolloutStoreConformance({ createPlace })) test(`files: ${name}`, run);

async function stateFolder(directory: string): Promise<string> {
  const [folder = ''] = await readdir(join(directory, 'state'));
  return join(directory, 'state', folder);
}

test('what a process left that was killed while it wrote disturbs nobody', async () => {
  const directory = await newFolder();
  const store = fileRolloutStore({ directory });
  await store.write('digits', 0, stored);
  const folder = await stateFolder(directory);
  await writeFile(join(folder, 'left-behind.draft'), '{"version":1,"epo');
  expect((await store.read('digits'))?.epoch).toBe(1);
  expect(await store.write('digits', 1, stored)).toBe(2);
});

test('a folder keeps a few revisions, not all of them', async () => {
  const directory = await newFolder();
  const store = fileRolloutStore({ directory });
  for (let epoch = 0; epoch < 40; epoch++) await store.write('digits', epoch, stored);
  const files = await readdir(await stateFolder(directory));
  expect(files.length).toBeLessThanOrEqual(10);
  expect(files.sort().at(-1)).toBe('000000000040.json');
  expect((await store.read('digits'))?.epoch).toBe(40);
});

test('a file that holds something else is told, with its place and what to do', async () => {
  const directory = await newFolder();
  const store = fileRolloutStore({ directory });
  await store.write('digits', 0, stored);
  const folder = await stateFolder(directory);
  await writeFile(join(folder, '000000000001.json'), '{"version":1,"epo');
  await expect(store.read('digits')).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  await writeFile(join(folder, '000000000001.json'), '{"version":2}');
  await expect(store.write('digits', 1, stored)).rejects.toThrow(
    /does not hold what was written: expected the state of a rollout in version 1, given .*Delete it to begin anew/,
  );
  expect(await readFile(join(folder, '000000000001.json'), 'utf8')).toBe('{"version":2}');
});

test('a folder that cannot be had is an error of the store', async () => {
  const file = join(await newFolder(), 'file');
  await writeFile(file, '');
  const store = fileRolloutStore({ directory: file });
  await expect(store.read('digits')).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await expect(store.write('digits', 0, stored)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await expect(store.add('digits', 1, 'r', 1, { a: 1 })).rejects.toMatchObject({ code: 'STORE_FAILED' });
});

test.each([
  ['rollout', '', 1, 'r', 1, { a: 1 }],
  ['rollout', 'x'.repeat(201), 1, 'r', 1, { a: 1 }],
  ['evidenceEpoch', 'digits', -1, 'r', 1, { a: 1 }],
  ['replica', 'digits', 1, '', 1, { a: 1 }],
  ['sequence', 'digits', 1, 'r', 0, { a: 1 }],
  ['tally.a', 'digits', 1, 'r', 1, { a: Number.NaN }],
  ['tally.b', 'digits', 1, 'r', 1, { a: 1, b: [1, Number.POSITIVE_INFINITY] }],
])('%s that cannot be added is refused', async (field, rollout, evidenceEpoch, replica, sequence, tally) => {
  const store = fileRolloutStore({ directory: await newFolder() });
  const adding = store.add(rollout, evidenceEpoch, replica, sequence, tally);
  await expect(adding).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
});

test('options are checked, and a closed store refuses work', async () => {
  expect(() => fileRolloutStore({ directory: '' })).toThrow(/directory/);
  expect(() => fileRolloutStore({ directory: 'x', pollMs: 0 })).toThrow(/pollMs/);
  const store = fileRolloutStore({ directory: await newFolder() });
  await store.close();
  await expect(store.read('digits')).rejects.toMatchObject({ code: 'CLOSED' });
});

const reward = { id: 'a:1', owner: 'a', value: 1 };

test.each([
  ['rollout', '', 'b', [reward], 0],
  ['replica', 'digits', '', [reward], 0],
  ['after', 'digits', 'b', [reward], -1],
  ['after', 'digits', 'b', [reward], 0.5],
  ['rewards.0.id', 'digits', 'b', [{ ...reward, id: '' }], 0],
  ['rewards.1.owner', 'digits', 'b', [reward, { ...reward, owner: '' }], 0],
  ['rewards.0.value', 'digits', 'b', [{ ...reward, value: Number.NaN }], 0],
])('%s of rewards that cannot be shared is refused', async (field, rollout, replica, rewards, after) => {
  const store = fileRolloutStore({ directory: await newFolder() });
  const sharing = store.shareRewards?.(rollout, replica, rewards, after);
  await expect(sharing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
});

test('rewards that nobody wrote are told, and a call without a reward writes nothing', async () => {
  const directory = await newFolder();
  const store = fileRolloutStore({ directory });
  await store.shareRewards?.('digits', 'b', [reward], 0);
  const [folder = ''] = await readdir(join(directory, 'rewards'));
  const place = join(directory, 'rewards', folder);
  await store.shareRewards?.('digits', 'a', [], 0);
  expect(await readdir(place)).toEqual(['000000000001.json']);
  await writeFile(join(place, '000000000001.json'), '[{"id":1}]');
  await expect(store.shareRewards?.('digits', 'a', [], 0)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});
