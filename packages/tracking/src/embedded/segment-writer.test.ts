import { describe, expect, test } from 'vitest';
import type { OpenFile } from '../files/files';
import { createFaultyFiles, type FaultyFiles } from '../fixtures/faulty-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { PointColumns, RunEvent } from '../store/run-store';
import { decodePoints } from './points-codec';
import { frameTypes } from './segment-format';
import { scanSegment } from './segment-reader';
import { type OverflowPolicy, SegmentWriter } from './segment-writer';

const onePoint = (step: number): PointColumns => ({
  count: 1,
  keys: ['loss'],
  keyIds: new Uint16Array(1),
  steps: Float64Array.of(step),
  timestamps: Float64Array.of(1),
  values: Float64Array.of(step),
});
const tag: RunEvent = { type: 'tags', at: 1, tags: { note: 'x'.repeat(100) } };

async function openWriter(overflow: OverflowPolicy, maxBufferedBytes = 2000, wrap = (file: OpenFile) => file) {
  const faulty = createFaultyFiles();
  const path = faulty.files.join(await temporaryFolder(), 'test.seg');
  const file = await faulty.files.open(path, 'create');
  if (file === undefined) throw new Error('no file');
  const writer = new SegmentWriter({
    file: wrap(file),
    syncFolders: () => faulty.files.syncFolder(faulty.files.join(path, '..')),
    marker: 77,
    createdAt: 1,
    maxBufferedBytes,
    overflow,
  });
  return { writer, faulty, path };
}

async function stepsIn(faulty: FaultyFiles, path: string): Promise<{ steps: number[]; clean: boolean }> {
  const file = await faulty.files.open(path, 'read');
  if (file === undefined) throw new Error('no file');
  const steps: number[] = [];
  const end = await scanSegment(file, undefined, (frame) => {
    const points = frame.type === frameTypes.points ? decodePoints(frame.payload) : undefined;
    for (let i = 0; i < (points?.count ?? 0); i++) steps.push(points?.step(i) as number);
  });
  await file.close();
  return { steps, clean: end.damage.length === 0 && end.tail === undefined };
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe('a segment writer', () => {
  test('repeats a write that failed half-way at the same place: nothing is lost and nothing is there twice', async () => {
    const { writer, faulty, path } = await openWriter('write');
    for (const step of range(5)) writer.appendPoints(onePoint(step));
    faulty.tornWrite = 'ENOSPC';
    await expect(writer.flush('disk')).rejects.toMatchObject({ code: 'STORE_FAILED', details: { errno: 'ENOSPC' } });
    expect(writer.health()).toMatchObject({ bufferedPoints: 5, writtenPoints: 0, failures: 1 });
    for (const step of [5, 6]) writer.appendPoints(onePoint(step));
    await writer.flush('disk');
    expect(await stepsIn(faulty, path)).toEqual({ steps: range(7), clean: true });
    expect(writer.health()).toMatchObject({ bufferedPoints: 0, writtenPoints: 7, droppedPoints: 0 });
    await writer.close();
  });

  test('with policy "write", a full buffer is written by the caller, even beside a write in flight', async () => {
    let release: (() => void) | undefined;
    const { writer, faulty, path } = await openWriter('write', 2000, (file) => ({
      ...file,
      write: async (chunks, position) => {
        // The first write, with the header, goes through; the later ones wait.
        if (position > 0) {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        await file.write(chunks, position);
      },
    }));
    writer.appendPoints(onePoint(0));
    await writer.write();
    writer.appendPoints(onePoint(1));
    const written = writer.write();
    for (const step of range(400).slice(2)) expect(writer.appendPoints(onePoint(step))).toBe(true);
    expect(writer.health().bufferedBytes).toBeLessThan(4000);
    // What came later lies on the disk already, behind the room of the frame that is in flight.
    const { steps } = await stepsIn(faulty, path);
    expect(steps.length).toBeGreaterThan(300);
    expect(steps.slice(0, 2)).toEqual([0, 2]);
    while (writer.health().bufferedBytes > 0) {
      release?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await written;
    expect(await stepsIn(faulty, path)).toEqual({ steps: range(400), clean: true });
    expect(writer.health()).toMatchObject({ writtenPoints: 400, droppedPoints: 0, bufferedBytes: 0 });
    await writer.close();
  });

  test('with policy "drop", a full buffer drops what comes, counts it, and the next flush says so once', async () => {
    const { writer, faulty, path } = await openWriter('drop');
    let taken = 0;
    for (const step of range(100)) taken += writer.appendPoints(onePoint(step)) ? 1 : 0;
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(100);
    expect(writer.append(tag)).toBe(false);
    expect(writer.health()).toMatchObject({ droppedPoints: 100 - taken, droppedEvents: 1 });
    await expect(writer.flush('disk')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      details: { dropped: 101 - taken },
    });
    await writer.flush('disk');
    expect(await stepsIn(faulty, path)).toEqual({ steps: range(taken), clean: true });
    await writer.close();
  });

  test('on a full disk it drops only what does not fit, and goes on when there is room again', async () => {
    const { writer, faulty, path } = await openWriter('write');
    faulty.writeFault = 'ENOSPC';
    let taken = 0;
    while (writer.appendPoints(onePoint(taken))) taken++;
    await expect(writer.flush('disk')).rejects.toMatchObject({ details: { errno: 'ENOSPC' } });
    expect(writer.health().lastError).toMatchObject({ code: 'STORE_FAILED' });
    faulty.writeFault = undefined;
    expect(writer.appendPoints(onePoint(taken))).toBe(true);
    await expect(writer.flush('disk')).rejects.toMatchObject({ details: { dropped: 1 } });
    await writer.flush('disk');
    expect(await stepsIn(faulty, path)).toEqual({ steps: range(taken + 1), clean: true });
    await writer.close();
  });

  test('writes at once, blocking, what waits and what a write in flight may never finish', async () => {
    const { writer, faulty, path } = await openWriter('write', 2000, (file) => ({
      ...file,
      write: () => new Promise(() => {}), // as when the process dies before the system gets to it
    }));
    for (const step of range(3)) writer.appendPoints(onePoint(step));
    void writer.write();
    for (const step of [3, 4]) writer.appendPoints(onePoint(step));
    writer.writeSync();
    expect(await stepsIn(faulty, path)).toEqual({ steps: range(5), clean: true });
    writer.appendPoints(onePoint(5));
    faulty.writeFault = 'EIO';
    expect(() => writer.writeSync()).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }));
    faulty.writeFault = undefined;
    writer.writeSync();
    expect(await stepsIn(faulty, path)).toEqual({ steps: range(6), clean: true });
  });

  test('a sync that fails rejects the flush', async () => {
    const { writer, faulty } = await openWriter('write');
    writer.append(tag);
    faulty.syncFault = 'EIO';
    await writer.flush('os');
    await expect(writer.flush('disk')).rejects.toMatchObject({ details: { errno: 'EIO' } });
    faulty.syncFault = undefined;
    await writer.flush('disk');
    await writer.close();
  });

  test('the first flush to disk syncs the file and the folder that names it; one sync serves all who wait', async () => {
    const { writer, faulty, path } = await openWriter('write');
    writer.append(tag);
    await Promise.all([writer.flush('disk'), writer.flush('disk'), writer.flush('disk')]);
    expect(faulty.synced).toEqual([path, faulty.files.join(path, '..', '.').replace(/\/$/, '')]);
    await writer.flush('disk');
    expect(faulty.synced).toHaveLength(2);
    writer.append(tag);
    await writer.flush('disk');
    expect(faulty.synced).toHaveLength(3);
    await writer.close();
  });

  test('closed, it refuses to flush', async () => {
    const { writer } = await openWriter('write');
    await writer.close();
    await writer.close();
    expect(writer.append(tag)).toBe(false);
    await expect(writer.flush('os')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
