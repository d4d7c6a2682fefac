import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPredictionLog, createRollingSink, type PredictionLogOptions } from '@fairlead/core/monitoring';
import { createVirtualClock, predictionSinkConformance } from '@fairlead/core/testing';
import { describe, expect, it } from 'vitest';
import { createFaultyFiles } from '../fixtures/faulty-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { createSegmentSink } from './segment-sink';
import { createSegmentStore } from './segment-store';

const model = { name: 'm', version: '1', digest: 'd' };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const openLog = (dir: string, options: Partial<PredictionLogOptions> = {}) =>
  createPredictionLog({ sink: createSegmentSink({ dir }), clock: createVirtualClock(), logger: quiet, ...options });

async function idsOf(log: Awaited<ReturnType<typeof openLog>>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of log.read()) ids.push(id);
  return ids;
}

async function dumpOf(dir: string): Promise<string> {
  return (await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), 'latin1')))).join();
}

describe('a sink of segments', () => {
  for (const { name, run } of predictionSinkConformance({
    createPlace: async () => {
      const dir = await temporaryFolder();
      return { open: () => createSegmentSink({ dir }), durable: true, dump: () => dumpOf(dir) };
    },
  })) {
    it(name, run);
  }

  it('leaves out and counts what a crash cut', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    for (const id of ['a', 'b', 'c']) log.record({ id, model });
    await log.close();
    const path = join(dir, '000000000001.seg');
    const bytes = await readFile(path);
    for (const cut of [1, 30, 60]) {
      await writeFile(path, bytes);
      await truncate(path, bytes.byteLength - cut);
      const next = await openLog(dir);
      expect(await idsOf(next)).toEqual(['a', 'b']);
      expect(next.stats().sink).toMatchObject({ torn: 1, corrupt: 0, records: 2 });
      await next.close();
    }
  });

  it('knows a spoiled record by its checksum, and reads on behind it', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    for (const id of ['aaaa', 'bbbb', 'cccc']) log.record({ id, model });
    await log.close();
    const path = join(dir, '000000000001.seg');
    const bytes = await readFile(path);
    bytes.write('x', bytes.indexOf('bbbb'));
    await writeFile(path, bytes);
    const next = await openLog(dir);
    expect(await idsOf(next)).toEqual(['aaaa', 'cccc']);
    expect(next.stats().sink).toMatchObject({ torn: 0, corrupt: 1, records: 2 });
    await next.close();
  });

  it('writes again what a full disk refused, without a gap or a repetition, and erases it too', async () => {
    const dir = await temporaryFolder();
    const faulty = createFaultyFiles();
    const clock = createVirtualClock();
    const sink = createRollingSink(createSegmentStore(faulty.files, dir));
    const log = await openLog(dir, { sink, clock });
    log.record({ id: 'a', model });
    await log.flush();
    log.record({ id: 'b', model, key: 'secret-person' });
    log.record({ id: 'c', model });
    faulty.tornWrite = 'ENOSPC';
    await expect(log.flush()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(log.stats().sink).toMatchObject({ failures: 1, records: 3 });
    expect(await idsOf(log)).toEqual(['a', 'b', 'c']);
    log.record({ id: 'd', model, key: 'secret-person' });
    faulty.tornWrite = 'ENOSPC';
    await expect(log.flush()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await log.erase({ key: 'secret-person' })).toBeGreaterThan(0);
    await log.flush();
    expect(await idsOf(log)).toEqual(['a', 'c']);
    expect(await dumpOf(dir)).not.toContain('secret-person');
    await log.close();
    const next = await openLog(dir);
    expect(await idsOf(next)).toEqual(['a', 'c']);
    expect(next.stats().sink).toMatchObject({ torn: 0, corrupt: 0 });
    await next.close();
  });

  it('gives a folder to one sink at a time, and takes over from a process that died', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    await expect(openLog(dir)).rejects.toMatchObject({ code: 'CONFLICT' });
    await log.close();
    await writeFile(join(dir, 'writer.lock'), '2147483646\n');
    await (await openLog(dir)).close();
    await writeFile(join(dir, 'writer.lock'), '1\n');
    await expect(openLog(dir)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each([
    [undefined, 'dir'],
    [{ dir: 3 }, 'dir'],
    [{ dir: 'x', maxBufferedBytes: 5 }, 'maxBufferedBytes'],
  ])('refuses the options %j', (options, field) => {
    expect(() => createSegmentSink(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });
});
