import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunner, type LocalRunner, type Logger, type TuningRecord } from '@fairlead/core';
import { createMockBackend, createVirtualClock } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FileTuningOptions, fileTuning } from './file-tuning';

let folder: string;
let path: string;
let warned: string[];
let logger: Logger;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-tuning-'));
  path = join(folder, 'deep', 'tuning.json');
  warned = [];
  logger = {
    debug() {},
    info() {},
    warn: (_details, text) => void warned.push(text),
    error: () => expect.unreachable(),
  };
});
afterEach(() => rm(folder, { recursive: true }));

const recordOf = (tookMs: number): TuningRecord => ({
  lanes: 2,
  threads: 1,
  device: 'cpu',
  cores: 2,
  batch: { rows: 64, computeMs: 8 },
  trials: [{ lanes: 1, threads: 1, rowsPerSecond: 8000 }],
  tookMs,
});

const content = async (): Promise<{ records: Record<string, { writtenAt: number; record: TuningRecord }> }> =>
  JSON.parse(await readFile(path, 'utf8'));

test('keeps records for the next process, and makes the folder', async () => {
  const store = fileTuning(path, { logger });
  expect(await store.read('model a')).toBeUndefined();
  await store.write('model a', recordOf(1));
  await store.write('model b', recordOf(2));
  await store.write('model a', recordOf(3));
  const later = fileTuning(path, { logger });
  expect(await later.read('model a')).toEqual(recordOf(3));
  expect(await later.read('model b')).toEqual(recordOf(2));
  expect(await later.read('model c')).toBeUndefined();
  expect(await later.read('__proto__')).toBeUndefined();
  // Nothing is left of what the file was made of.
  expect(await readdir(join(folder, 'deep'))).toEqual(['tuning.json']);
  expect(warned).toEqual([]);
});

test('records that are written at the same time are all kept', async () => {
  const store = fileTuning(path, { logger });
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.write(`model ${index}`, recordOf(index))));
  for (let index = 0; index < 20; index++) expect(await store.read(`model ${index}`)).toEqual(recordOf(index));
});

test('keeps so many records, and lets go of those that were written longest ago', async () => {
  const store = fileTuning(path, { maxRecords: 2, logger });
  const now = vi.spyOn(Date, 'now');
  for (const [at, key] of [
    [1000, 'a'],
    [2000, 'b'],
    [3000, 'a'],
    [4000, 'c'],
  ] as const) {
    now.mockReturnValue(at);
    await store.write(key, recordOf(at));
  }
  now.mockRestore();
  expect(await Promise.all(['a', 'b', 'c'].map((key) => store.read(key)))).toEqual([
    recordOf(3000),
    undefined,
    recordOf(4000),
  ]);
});

test('what another type of processor measured is not taken', async () => {
  const store = fileTuning(path, { logger });
  await store.write('model', recordOf(1));
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  await writeFile(path, (await readFile(path, 'utf8')).replaceAll(model, 'another one'));
  expect(await store.read('model')).toBeUndefined();
  await store.write('model', recordOf(2));
  expect(Object.keys((await content()).records)).toEqual([`model, ${model}`, 'model, another one']);
});

describe('a file that is not its own', () => {
  test.each([
    ['half a file', '{"format":"fairlead-tuning","vers', 'is no JSON'],
    ['an empty file', '', 'is no JSON'],
    ['null', 'null', 'is no tuning file'],
    ['a list', '[1,2]', 'is no tuning file'],
    ['a package.json', '{"name":"my-service","version":"1.0.0"}', 'is no tuning file'],
    ['a later version', '{"format":"fairlead-tuning","version":2}', 'is a tuning file of version 2, not 1'],
    ['rubbish for records', '{"format":"fairlead-tuning","version":1,"records":{"a":5}}', 'holds something else'],
  ])('%s: is told once, moved aside when there is something to write, and rebuilt', async (_what, text, problem) => {
    await mkdir(join(folder, 'deep'));
    await writeFile(path, text);
    const store = fileTuning(path, { logger });
    expect(await store.read('model')).toBeUndefined();
    expect(await store.read('model')).toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe(text);
    await store.write('model', recordOf(1));
    expect(warned).toEqual([expect.stringContaining(`tuning.json ${problem}`)]);
    expect(await store.read('model')).toEqual(recordOf(1));
    expect(await readFile(`${path}.old`, 'utf8')).toBe(text);
  });

  test('one that is far too large is not read to find out', async () => {
    await mkdir(join(folder, 'deep'));
    await writeFile(path, '');
    await truncate(path, 2 ** 27);
    const store = fileTuning(path, { logger });
    expect(await store.read('model')).toBeUndefined();
    expect(warned).toEqual([expect.stringContaining('134217728 bytes')]);
  });

  test('a folder in its place rejects with STORE_FAILED that names it', async () => {
    await mkdir(path, { recursive: true });
    const store = fileTuning(path, { logger });
    const failure = { code: 'STORE_FAILED', message: expect.stringContaining(path) };
    await expect(store.read('model')).rejects.toMatchObject(failure);
    await expect(store.write('model', recordOf(1))).rejects.toMatchObject(failure);
  });

  test('a folder that cannot be made rejects, and leaves nothing behind', async () => {
    await writeFile(join(folder, 'deep'), 'a file where the folder would be');
    const store = fileTuning(path, { logger });
    await expect(store.write('model', recordOf(1))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await readdir(folder)).toEqual(['deep']);
    // The next one is not kept from it.
    await rm(join(folder, 'deep'));
    await store.write('model', recordOf(2));
    expect(await store.read('model')).toEqual(recordOf(2));
  });
});

test.each([
  ['no path', undefined, {}, 'path'],
  ['an empty path', '', {}, 'path'],
  ['no records', './tuning.json', { maxRecords: 0 }, 'maxRecords'],
  ['half a record', './tuning.json', { maxRecords: 1.5 }, 'maxRecords'],
  ['a logger that is none', './tuning.json', { logger: 5 }, 'logger'],
  ['an option of another name', './tuning.json', { maxEntries: 5 }, 'maxEntries'],
])('refuses %s', (_what, file, options, field) => {
  expect(() => fileTuning(file as string, options as unknown as FileTuningOptions)).toThrowError(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
  );
});

describe('a runner with it', () => {
  /** A runner of a new process: nothing is shared but the file. */
  async function load(): Promise<LocalRunner> {
    const clock = createVirtualClock();
    const backend = createMockBackend({
      clock,
      workers: true,
      threading: { cores: 2 },
      latencyMs: (rows, threads) => rows / 8 / threads,
    });
    const creating = createRunner({ model: '1', backend, clock, logger, tuning: fileTuning(path, { logger }) });
    let loaded = false;
    void creating.then(() => {
      loaded = true;
    });
    while (!loaded) await clock.advance(1);
    return creating;
  }

  test('measures once, and after a file that broke once more', async () => {
    const sources: (string | undefined)[] = [];
    for (const damage of [false, false, true, false]) {
      if (damage) await writeFile(path, '{');
      const runner = await load();
      sources.push(runner.describe().lanes.tuning?.source);
      await runner.close();
    }
    expect(sources).toEqual(['measured', 'remembered', 'measured', 'remembered']);
    expect(warned).toEqual([expect.stringContaining('is no JSON')]);
  });
});
