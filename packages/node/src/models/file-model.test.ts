import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadedModel, ModelSource } from '@fairlead/core';
import { createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fileModel } from './file-model';

let folder: string;
let path: string;
let clock: VirtualClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-file-model-'));
  path = join(folder, 'digits.onnx');
  clock = createVirtualClock();
  await writeFile(path, 'first');
});
afterEach(() => rm(folder, { recursive: true }));

const textOf = (model: LoadedModel | undefined): string => new TextDecoder().decode(model?.bytes);

/** Lets the source look once, and waits until it has made up its mind and set its next timer. */
async function look(): Promise<void> {
  await clock.advance(1000);
  await vi.waitFor(() => expect(clock.pendingTimers).toBe(1), { interval: 1 });
}

function watch(source: ModelSource): { changes: string[]; errors: unknown[]; close: () => Promise<void> } {
  const changes: string[] = [];
  const errors: unknown[] = [];
  const watching = source.watch?.(
    (next) => void changes.push(textOf(next)),
    (error) => void errors.push(error),
  );
  return { changes, errors, close: async () => watching?.close() };
}

test('without watch it is read each time it is resolved, and has nothing to watch', async () => {
  const source = fileModel(path);
  expect(textOf(await source.resolve({}))).toBe('first');
  await writeFile(path, 'second');
  expect(textOf(await source.resolve({}))).toBe('second');
  expect(source.watch).toBeUndefined();
});

test('announces new bytes once they stayed the same for two looks, and only once', async () => {
  const source = fileModel(path, { watch: true, clock });
  await source.resolve({});
  const { changes, errors, close } = watch(source);
  await look();
  await look();
  expect(changes).toEqual([]);
  await writeFile(path, 'second, half');
  await look();
  expect(changes).toEqual([]);
  await writeFile(path, 'second, whole');
  await look();
  expect(changes).toEqual([]);
  await look();
  expect(changes).toEqual(['second, whole']);
  await look();
  expect(changes).toEqual(['second, whole']);
  expect(errors).toEqual([]);
  await close();
});

test('a file that is replaced by one with the same bytes is no change', async () => {
  const source = fileModel(path, { watch: true, clock });
  await source.resolve({});
  const { changes, close } = watch(source);
  await writeFile(`${path}.new`, 'first');
  await rename(`${path}.new`, path);
  await look();
  await look();
  await look();
  expect(changes).toEqual([]);
  await close();
});

test('tells once of a file that is gone, and follows the one that comes in its place', async () => {
  const source = fileModel(path, { watch: true, clock });
  await source.resolve({});
  const { changes, errors, close } = watch(source);
  await rm(path);
  await look();
  await look();
  await look();
  expect(errors).toMatchObject([{ code: 'MODEL_NOT_FOUND' }]);
  await writeFile(path, 'another');
  await look();
  await look();
  expect(changes).toEqual(['another']);
  await close();
});

test('stops looking when closed', async () => {
  const { close } = watch(fileModel(path, { watch: true, clock }));
  expect(clock.pendingTimers).toBe(1);
  await close();
  await close();
  expect(clock.pendingTimers).toBe(0);
});

test.each([
  [{ pollMs: 1 }, 'pollMs'],
  [{ watch: 'yes' }, 'watch'],
  [{ maxModelBytes: 0 }, 'maxModelBytes'],
  [{ interval: 1 }, 'interval'],
])('refuses %o', (options, field) => {
  expect(() => fileModel(path, options as object)).toThrowError(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
  );
});
