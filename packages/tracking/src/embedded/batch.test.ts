import { createVirtualClock } from '@fairlead/core/testing';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Files } from '../files/files';
import { nodeFiles } from '../files/node-files';
import { createCrashingFiles } from '../fixtures/crashing-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { PointColumns, RunBatch, RunEvent } from '../store/run-store';
import { batchHeaderLength, decodeBatch, encodeBatch } from './batch-codec';
import { openEmbeddedStore } from './embedded-store';
import { decodeEvent } from './event-codec';
import { compactRun } from './maintenance/compact-run';
import { decodePoints } from './points-codec';
import { frameTypes } from './segment-format';

const id = 'ab'.repeat(16);
const page = 'cd'.repeat(16);
const otherPage = 'ef'.repeat(16);
const start = { type: 'start', at: 1000, id, experiment: 'e', name: 'n', leaseUntil: 2000 } as const;

const points = (values: readonly number[], step = 0): PointColumns => ({
  count: values.length,
  keys: ['loss', 'größe'],
  keyIds: Uint16Array.from(values, (_, i) => i % 2),
  steps: Float64Array.from(values, (_, i) => step + i),
  timestamps: Float64Array.from(values, (_, i) => 1_700_000_000_000 + i),
  values: Float64Array.from(values),
});

async function openStore(files: Files, dir: string) {
  const clock = createVirtualClock(Date.now());
  const store = await openEmbeddedStore({
    files,
    dir,
    clock,
    pollMs: 1000,
    maxBufferedBytes: 65_536,
    overflow: 'write',
  });
  onTestFinished(() => store.close());
  return { store };
}

const marksOf = async (store: Awaited<ReturnType<typeof openStore>>['store']) =>
  Object.fromEntries((await store.runs.marks?.(id)) ?? []);

describe('the payload of a batch', () => {
  const special = [1, Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324];
  const batch: RunBatch = {
    writer: page,
    seq: 4_294_967_295,
    parts: [start, points(special), { type: 'params', at: 1001, params: { nan: Number.NaN, zero: -0, text: 'ä' } }],
  };

  test('comes back exactly, whatever the numbers', () => {
    const read = decodeBatch(encodeBatch(batch));
    expect(read).toMatchObject({ writer: page, seq: 4_294_967_295 });
    const [first, second, third] = read?.parts ?? [];
    expect(decodeEvent(first?.payload as Uint8Array)).toEqual(start);
    expect(second?.type).toBe(frameTypes.points);
    const columns = decodePoints(second?.payload as Uint8Array);
    expect(Array.from(special, (_, i) => columns?.value(i))).toEqual(special);
    expect(decodeEvent(third?.payload as Uint8Array)).toEqual(batch.parts[2]);
  });

  test('is refused when it is cut, longer, or says more than it holds, before anything is allocated', () => {
    const bytes = encodeBatch(batch);
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(decodeBatch(bytes.subarray(0, length)), String(length)).toBeUndefined();
    }
    const longer = new Uint8Array(bytes.byteLength + 1);
    longer.set(bytes);
    expect(decodeBatch(longer)).toBeUndefined();
    const lying = encodeBatch({ writer: page, seq: 1, parts: [] });
    new DataView(lying.buffer).setUint32(20, 0xffffffff, true);
    expect(decodeBatch(lying)).toBeUndefined();
    const long = bytes.slice();
    new DataView(long.buffer).setUint32(batchHeaderLength + 4, 0xffffffff, true);
    expect(decodeBatch(long)).toBeUndefined();
  });

  test('never throws, whatever bytes come', async () => {
    await fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeBatch(bytes);
      }),
    );
  });
});

describe('batches in the embedded store', () => {
  test('count as their parts do, and their marks are found by the next process', async () => {
    const dir = await temporaryFolder();
    const { store } = await openStore(nodeFiles, dir);
    const writer = await store.runs.create(start, { writer: page, seq: 1, parts: [start, points([1, 2])] });
    writer.appendBatch?.({
      writer: page,
      seq: 2,
      parts: [points([3, 4], 2), { type: 'tags', at: 1, tags: { a: 'b' } }],
    });
    writer.appendBatch?.({ writer: otherPage, seq: 1, parts: [] });
    expect(writer.health().bufferedPoints).toBe(4);
    await writer.flush('disk');
    await writer.close();
    const { store: again } = await openStore(nodeFiles, dir);
    expect(await marksOf(again)).toEqual({ [page]: 2, [otherPage]: 1 });
    expect(await again.runs.read(id)).toMatchObject({
      name: 'n',
      tags: { a: 'b' },
      metrics: { loss: { count: 2, last: 3 } },
      damage: [],
    });
    expect(Array.from((await again.runs.history(id, 'größe')).values)).toEqual([2, 4]);
    let streamed = 0;
    for await (const columns of again.runs.points?.(id) ?? []) streamed += columns.count;
    expect(streamed).toBe(4);
    expect((await again.maintenance?.check())?.problems).toEqual([]);
    expect(await marksOf(again)).toEqual(Object.fromEntries((await store.runs.marks?.(id)) ?? []));
    expect([...((await again.runs.marks?.('00'.repeat(16))) ?? [])]).toEqual([]);
  });

  test('a batch that was written in part counts not at all, neither its content nor its mark', async () => {
    const dir = await temporaryFolder();
    const { store } = await openStore(nodeFiles, dir);
    const writer = await store.runs.create(start, { writer: page, seq: 1, parts: [start, points([1])] });
    await writer.flush('disk');
    const [segment] = await nodeFiles.list(`${dir}/runs/${id}`);
    const path = `${dir}/runs/${id}/${segment}`;
    const before = (await nodeFiles.read(path)) as Uint8Array;
    const second: RunEvent = { type: 'tags', at: 1, tags: { second: 'yes' } };
    writer.appendBatch?.({ writer: page, seq: 2, parts: [points([2], 1), second] });
    await writer.flush('disk');
    await writer.close();
    const whole = (await nodeFiles.read(path)) as Uint8Array;
    const cuts = Array.from(
      { length: 12 },
      (_, i) => before.byteLength + ((i * 29) % (whole.byteLength - before.byteLength)),
    );
    for (const length of [...cuts, whole.byteLength - 1, whole.byteLength]) {
      await nodeFiles.remove(path);
      await nodeFiles.claim(path, whole.slice(0, length));
      const { store: again } = await openStore(nodeFiles, dir);
      const run = await again.runs.read(id);
      const isWhole = length === whole.byteLength;
      expect(await marksOf(again)).toEqual({ [page]: isWhole ? 2 : 1 });
      expect(run?.metrics.loss?.count).toBe(isWhole ? 2 : 1);
      expect(run?.tags).toEqual(isWhole ? { second: 'yes' } : {});
    }
  });

  test('compaction keeps the marks, and counts nothing twice', async () => {
    const dir = await temporaryFolder();
    const { store } = await openStore(nodeFiles, dir);
    const first = await store.runs.create(start, { writer: page, seq: 1, parts: [start, points([1, Number.NaN])] });
    await first.flush('os');
    await first.close();
    const second = await store.runs.open(id);
    second.appendBatch?.({ writer: page, seq: 2, parts: [points([-0, 4], 2)] });
    second.appendBatch?.({ writer: otherPage, seq: 7, parts: [{ type: 'end', at: 1500, status: 'FINISHED' }] });
    await second.flush('os');
    await second.close();
    const before = await store.runs.read(id);
    const folder = `${dir}/runs/${id}`;
    const compacted = await compactRun({
      files: nodeFiles,
      folder,
      id,
      dryRun: false,
      before: Number.POSITIVE_INFINITY,
    });
    expect(compacted).toMatchObject({ segments: 2 });
    expect((await nodeFiles.list(`${dir}/runs/${id}`)).filter((name) => name.endsWith('.seg'))).toHaveLength(1);
    const { store: again } = await openStore(nodeFiles, dir);
    expect(await marksOf(again)).toEqual({ [page]: 2, [otherPage]: 7 });
    expect(await again.runs.read(id)).toEqual(before);
    expect(Array.from((await again.runs.history(id, 'loss')).values)).toEqual([1, -0]);
  });

  test('when the power goes, a batch is there with its mark or not at all, and whatever was flushed is there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ points: fc.integer({ min: 1, max: 200 }), flush: fc.boolean() }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.infiniteStream(fc.nat()),
        async (batches, luck) => {
          const draw = (limit: number): number => (luck.next().value as number) % limit;
          const disk = createCrashingFiles();
          const { store } = await openStore(disk.files, '/store');
          const writer = await store.runs.create(start);
          let flushed = 0;
          for (const [index, each] of batches.entries()) {
            const values = Array.from({ length: each.points }, () => index + 1);
            writer.appendBatch?.({ writer: page, seq: index + 1, parts: [points(values, index * 1000)] });
            await (each.flush ? writer.flush('disk') : writer.write());
            if (each.flush) flushed = index + 1;
          }
          disk.crash(draw);
          const { store: again } = await openStore(disk.files, '/store');
          const mark = (await again.runs.marks?.(id))?.get(page) ?? 0;
          expect(mark).toBeGreaterThanOrEqual(flushed);
          const kept = new Map<number, number>();
          for await (const columns of again.runs.points?.(id) ?? []) {
            for (let i = 0; i < columns.count; i++) {
              const batch = columns.values[i] as number;
              kept.set(batch, (kept.get(batch) ?? 0) + 1);
            }
          }
          for (const [batch, count] of kept) expect(count).toBe(batches[batch - 1]?.points);
          for (let batch = 1; batch <= flushed; batch++) expect(kept.has(batch)).toBe(true);
          if (mark > 0) expect(kept.has(mark)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});
