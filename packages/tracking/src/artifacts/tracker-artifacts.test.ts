import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { ArtifactStore } from '../store/artifact-store';
import type { TrackerEventMap } from '../tracker';

async function aFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), 'outputs');
  await mkdir(join(folder, 'plots'), { recursive: true });
  for (const name of ['model.bin', 'plots/loss.svg', 'plots/copy.svg']) {
    await writeFile(join(folder, name), name.startsWith('plots') ? 'a plot' : 'a model');
  }
  return folder;
}

/** A store whose uploads end when the test says so. */
function slowStore() {
  const waiting: (() => void)[] = [];
  let open = 0;
  let most = 0;
  const artifacts: ArtifactStore = {
    async put(source) {
      most = Math.max(most, ++open);
      await new Promise<void>((resolve) => waiting.push(resolve));
      open--;
      return { digest: '0'.repeat(64), size: (source as Uint8Array).byteLength };
    },
    stat: async () => undefined,
    read: async () => new Uint8Array(),
    async *stream() {},
  };
  return { artifacts, waiting, most: () => most };
}

describe('the artifacts of a run', () => {
  test('are those of a folder, by their paths in it', async () => {
    const tracker = await openTracker({ dir: await temporaryFolder() });
    const folder = await aFolder();
    const seen: TrackerEventMap['artifact-progress'][] = [];
    tracker.events.on('artifact-progress', (event) => void seen.push(event));
    const run = await tracker.startRun();
    const logged = await run.logArtifacts(folder, { prefix: 'run/out' });
    expect(logged.map(({ name, size }) => [name, size])).toEqual([
      ['run/out/model.bin', 7],
      ['run/out/plots/copy.svg', 6],
      ['run/out/plots/loss.svg', 6],
    ]);
    expect(logged[1]?.digest).toBe(logged[2]?.digest);
    expect(seen).toContainEqual({ run: run.id, name: 'run/out/model.bin', sentBytes: 7, totalBytes: 7 });
    await run.complete();
    const record = await tracker.getRun(run.id);
    expect(record.artifacts.map(({ name }) => name).sort()).toEqual(logged.map(({ name }) => name));
    const parts: Uint8Array[] = [];
    for await (const piece of record.artifact('run/out/model.bin').stream({ offset: 2 })) parts.push(piece);
    expect(Buffer.concat(parts).toString()).toBe('model');
    await expect(run.logArtifacts(folder)).rejects.toMatchObject({ code: 'CLOSED' });
    await tracker.close();
  });

  test('of a folder with a link out of it, or a name that cannot be, are refused before anything is kept', async () => {
    const tracker = await openTracker({ dir: await temporaryFolder() });
    const run = await tracker.startRun();
    const folder = await aFolder();
    for (const options of [{ prefix: '../up' }, { prefix: '' }, { prefx: 'a' }, null]) {
      await expect(run.logArtifacts(folder, options as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await expect(run.logArtifacts(7 as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(run.logArtifacts(`${folder}/nothing`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await writeFile(join(folder, 'a:b'), '');
    await expect(run.logArtifacts(folder)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await symlink('/etc', join(folder, 'etc'));
    await expect(run.logArtifacts(folder)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await run.complete();
    expect((await tracker.getRun(run.id)).artifacts).toEqual([]);
    await tracker.close();
  });

  test('go up so many at a time, and one that waits can be given up', async () => {
    const slow = slowStore();
    const tracker = await openTracker({
      dir: await temporaryFolder(),
      artifacts: slow.artifacts,
      uploads: { concurrency: 2 },
    });
    const run = await tracker.startRun();
    const stop = new AbortController();
    const all = ['a', 'b', 'c', 'd'].map((name) => run.logArtifact(name, new Uint8Array(3)));
    const givenUp = run.logArtifact('e', new Uint8Array(3), { signal: stop.signal });
    stop.abort();
    await expect(givenUp).rejects.toMatchObject({ code: 'ABORTED' });
    for (let ended = 0; ended < 4; ) {
      const next = slow.waiting.shift();
      if (next === undefined) await new Promise(setImmediate);
      else {
        next();
        ended++;
      }
    }
    await Promise.all(all);
    expect(slow.most()).toBe(2);
    await run.complete();
    expect((await tracker.getRun(run.id)).artifacts).toHaveLength(4);
    await tracker.close();
  });

  test.for([
    { uploads: { concurrency: 0 } },
    { uploads: { concurrency: 1.5 } },
    { uploads: { most: 3 } },
    { artifacts: { put: 1 } },
    { artifacts: null },
  ])('are not opened with %j', async (options) => {
    const dir = await temporaryFolder();
    await expect(openTracker({ dir, ...options } as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});
