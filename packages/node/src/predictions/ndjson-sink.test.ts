import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPredictionLog, type PredictionLogOptions } from '@fairlead/core/monitoring';
import { createVirtualClock, predictionSinkConformance } from '@fairlead/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNdjsonSink } from './ndjson-sink';

const model = { name: 'm', version: '1', digest: 'd' };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-predictions-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const openLog = (dir: string, options: Partial<PredictionLogOptions> = {}) =>
  createPredictionLog({ sink: createNdjsonSink({ dir }), clock: createVirtualClock(), logger: quiet, ...options });

async function idsOf(log: Awaited<ReturnType<typeof openLog>>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of log.read()) ids.push(id);
  return ids;
}

describe('a sink of NDJSON files', () => {
  for (const { name, run } of predictionSinkConformance({
    createPlace: async () => {
      const dir = await temporaryFolder();
      return {
        open: () => createNdjsonSink({ dir }),
        durable: true,
        dump: async () =>
          (await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), 'utf8')))).join(),
      };
    },
  })) {
    it(name, run);
  }

  it('writes lines that any tool can read', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    log.record({ id: 'a', model, outputs: { y: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(0.5, 2) } } });
    await log.close();
    const [line] = (await readFile(join(dir, '000000000001.ndjson'), 'utf8')).split('\n');
    expect(JSON.parse(line as string)).toMatchObject({
      v: 1,
      id: 'a',
      model: ['m', '1', 'd'],
      outputs: { y: { dtype: 'float32', shape: [1, 2], data: [0.5, 2] } },
    });
  });

  it('leaves out and counts a last line that a crash cut, and lines that are no records', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    for (const id of ['a', 'b', 'c']) log.record({ id, model });
    await log.close();
    const path = join(dir, '000000000001.ndjson');
    const text = await readFile(path, 'utf8');
    for (let cut = 1; cut < 20; cut += 6) {
      await writeFile(path, text);
      await truncate(path, text.length - 1 - cut);
      const next = await openLog(dir);
      expect(await idsOf(next)).toEqual(['a', 'b']);
      expect(next.stats().sink).toMatchObject({ torn: 1, corrupt: 0, records: 2 });
      await next.close();
    }
    await writeFile(path, `${text}{"v":1,"id":\n[]\n\n`);
    await appendFile(path, text);
    const damaged = await openLog(dir);
    expect(await idsOf(damaged)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(damaged.stats().sink).toMatchObject({ torn: 0, corrupt: 2 });
    await damaged.close();
  });

  it('leaves nothing of an erased key in damaged places either', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    log.record({ id: 'a', model });
    log.record({ id: 'b', model, key: 'secret-person' });
    await log.close();
    const path = join(dir, '000000000001.ndjson');
    await truncate(path, (await readFile(path)).byteLength - 3);
    const next = await openLog(dir);
    expect(await readFile(path, 'utf8')).toContain('secret-person');
    await next.erase({ key: 'secret-person' });
    expect(await readFile(path, 'utf8')).not.toContain('secret-person');
    expect(await idsOf(next)).toEqual(['a']);
    await next.close();
  });

  it('refuses records when its buffer is full, and says so', async () => {
    const dir = await temporaryFolder();
    const sink = createNdjsonSink({ dir, maxBufferedBytes: 1024 });
    const log = await openLog(dir, { sink });
    const outcomes = Array.from({ length: 40 }, (_, i) => log.record({ id: `r${i}`, model }));
    const logged = outcomes.filter((outcome) => outcome === 'logged').length;
    expect(logged).toBeGreaterThan(5);
    expect(log.stats().outcomes).toMatchObject({ logged, refused: 40 - logged });
    expect(log.stats().sink.bufferedBytes).toBeLessThanOrEqual(1024);
    await log.flush();
    expect(log.record({ id: 'again', model })).toBe('logged');
    await log.close();
  });

  it('goes on after a write that failed, without a gap or a repetition', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    log.record({ id: 'a', model });
    await log.flush();
    await rm(dir, { recursive: true });
    // The open file still takes writes; a new one cannot be made in a folder that is gone.
    await log.erase({ key: 'nobody' }).then(
      () => expect.unreachable(),
      (error: unknown) => expect(error).toMatchObject({ code: 'STORE_FAILED' }),
    );
    log.record({ id: 'b', model });
    await log.close();
    expect(log.stats().outcomes.logged).toBe(2);
  });

  it('gives a folder to one writer at a time, and takes over from one that died', async () => {
    const dir = await temporaryFolder();
    const log = await openLog(dir);
    await expect(openLog(dir)).rejects.toMatchObject({ code: 'CONFLICT', details: { field: 'dir' } });
    await log.close();
    await writeFile(join(dir, 'writer.lock'), '2147483646\n');
    await (await openLog(dir)).close();
    // Process 1 is always alive.
    await writeFile(join(dir, 'writer.lock'), '1\n');
    await expect(openLog(dir)).rejects.toThrow(/Process 1 keeps predictions/);
    await rm(join(dir, 'writer.lock'));
    await (await openLog(dir)).close();
  });

  it('refuses records of a later version instead of taking them for damage', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, '000000000001.ndjson'), '{"v":2,"id":"a"}\n');
    await expect(openLog(dir)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await rm(join(dir, '000000000001.ndjson'));
    await (await openLog(dir)).close();
  });

  it.each([
    [undefined, 'dir'],
    [{ dir: '' }, 'dir'],
    [{ dir: 'x', maxFileBytes: 1 }, 'maxFileBytes'],
    [{ dir: 'x', flushIntervalMs: 0 }, 'flushIntervalMs'],
    [{ dir: 'x', speed: 1 }, 'speed'],
  ])('refuses the options %j', (options, field) => {
    expect(() => createNdjsonSink(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });
});
