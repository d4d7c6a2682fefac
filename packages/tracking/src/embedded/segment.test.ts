import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { PointColumns, RunEvent } from '../store/run-store';
import { decodeEvent } from './event-codec';
import { decodePoints } from './points-codec';
import { frameTypes, headerLength, maxPayloadLength, newFrame, sealFrame } from './segment-format';
import { type Frame, scanSegment } from './segment-reader';
import { SegmentWriter } from './segment-writer';

const marker = 0x0badcafe;

function columns(
  rows: readonly (readonly [key: string, step: number, timestamp: number, value: number])[],
): PointColumns {
  const keys = [...new Set(rows.map(([key]) => key))];
  return {
    count: rows.length,
    keys,
    keyIds: Uint16Array.from(rows, ([key]) => keys.indexOf(key)),
    steps: Float64Array.from(rows, (row) => row[1]),
    timestamps: Float64Array.from(rows, (row) => row[2]),
    values: Float64Array.from(rows, (row) => row[3]),
  };
}

/** What a frame says, in a form that can be compared. */
function contentOf(frame: Frame): unknown {
  if (frame.type === frameTypes.event) return decodeEvent(frame.payload);
  const points = decodePoints(frame.payload);
  if (points === undefined) throw new Error('an intact frame of points could not be read');
  return Array.from({ length: points.count }, (_, i) => [
    points.keys[points.keyId(i)],
    points.step(i),
    points.timestamp(i),
    points.value(i),
  ]);
}

async function writeSegment(path: string, fill: (writer: SegmentWriter) => void): Promise<Uint8Array> {
  const file = await nodeFiles.open(path, 'create');
  if (file === undefined) throw new Error('no file');
  const writer = new SegmentWriter({
    file,
    syncFolders: async () => {},
    marker,
    createdAt: 1000,
    maxBufferedBytes: 1 << 20,
    overflow: 'write',
  });
  fill(writer);
  await writer.flush('disk');
  await writer.close();
  return (await nodeFiles.read(path)) as Uint8Array;
}

async function scan(path: string, bytes: Uint8Array) {
  await nodeFiles.remove(path);
  await nodeFiles.claim(path, bytes);
  const file = await nodeFiles.open(path, 'read');
  if (file === undefined) throw new Error('no file');
  const frames: { content: unknown; offset: number }[] = [];
  try {
    const end = await scanSegment(file, undefined, (frame) => {
      frames.push({ content: contentOf(frame), offset: frame.offset });
    });
    return { frames, end };
  } finally {
    await file.close();
  }
}

const tags = (value: string): RunEvent => ({ type: 'tags', at: 5, tags: { note: value } });

/** A small segment of five frames, and what is in them. */
async function sample(folder: string) {
  const path = nodeFiles.join(folder, 'sample.seg');
  const bytes = await writeSegment(path, (writer) => {
    writer.append(tags('first'));
    writer.appendPoints(columns([['loss', 1, 1_700_000_000_000, 0.5]]));
    writer.append(tags('second'));
    writer.appendPoints(columns([['loss', 2, 1_700_000_000_001, 0.25]]));
    writer.append(tags('third'));
  });
  const { frames, end } = await scan(path, bytes);
  expect(frames).toHaveLength(5);
  expect(end).toMatchObject({ damage: [], tail: undefined, offset: bytes.byteLength });
  return { path, bytes, frames };
}

describe('a segment', () => {
  test('keeps every number exactly, whatever its range', async () => {
    const folder = await temporaryFolder();
    const rows = [
      ['loss', -5, 0, Number.NaN],
      ['loss', 2 ** 52, 1_700_000_000_000, Number.POSITIVE_INFINITY],
      ['größe/µ', 0, 8_640_000_000_000_000, Number.NEGATIVE_INFINITY],
      ['loss', Number.MIN_SAFE_INTEGER, 3, -0],
      ['größe/µ', 7, 4, Number.MIN_VALUE],
      ['loss', 7, 4, 0.1 + 0.2],
    ] as const;
    const path = nodeFiles.join(folder, 'numbers.seg');
    const bytes = await writeSegment(path, (writer) => {
      writer.appendPoints(columns(rows));
      writer.appendPoints(
        columns([
          ['near', 41, 1_700_000_000_123, 1],
          ['near', 40, 1_700_000_000_000, 2],
        ]),
      );
    });
    const { frames } = await scan(path, bytes);
    expect(frames.map((frame) => frame.content)).toEqual([
      rows.map((row) => [...row]),
      [
        ['near', 41, 1_700_000_000_123, 1],
        ['near', 40, 1_700_000_000_000, 2],
      ],
    ]);
  });

  test('cut off at any byte, it reads every frame before the cut and names the rest', async () => {
    const { path, bytes, frames } = await sample(await temporaryFolder());
    const ends = frames.map((_, i) => frames[i + 1]?.offset ?? bytes.byteLength);
    for (let length = 0; length < bytes.byteLength; length++) {
      const read = await scan(path, bytes.subarray(0, length));
      const whole = ends.filter((end) => end <= length).length;
      expect(read.frames, `cut at ${length}`).toEqual(frames.slice(0, whole));
      const atBoundary = length === headerLength || ends.includes(length);
      expect(read.end.tail === undefined, `cut at ${length}`).toBe(atBoundary);
      expect(read.end.damage).toEqual([]);
    }
  });

  test('with any byte flipped, it loses that frame alone and reports it', async () => {
    const { path, bytes, frames } = await sample(await temporaryFolder());
    for (let at = 0; at < bytes.byteLength; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ 0x40;
      const read = await scan(path, damaged);
      const hit = frames.findLast((frame) => frame.offset <= at);
      expect(read.frames, `flipped ${at}`).toEqual(frames.filter((frame) => frame !== hit));
      const reports = [...read.end.damage, ...(read.end.tail ? [read.end.tail] : [])];
      expect(reports, `flipped ${at}`).toHaveLength(1);
      const [report] = reports;
      if (report === undefined) throw new Error('unreachable');
      expect(report.offset).toBeLessThanOrEqual(at);
      expect(report.offset + report.length).toBeGreaterThan(at);
    }
  });

  test('frames cut out of the middle are reported as missing', async () => {
    const { path, bytes, frames } = await sample(await temporaryFolder());
    const [from, to] = [frames[1]?.offset as number, frames[3]?.offset as number];
    const read = await scan(path, Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]));
    expect(read.frames.map((frame) => frame.content)).toEqual([0, 3, 4].map((i) => frames[i]?.content));
    expect(read.end.damage).toEqual([{ offset: from, length: 0, kind: 'missing' }]);
  });

  test('a length that cannot be is not allocated', async () => {
    const { path, bytes } = await sample(await temporaryFolder());
    const huge = newFrame(0);
    sealFrame(huge, marker, 6, frameTypes.event);
    new DataView(huge.buffer).setUint32(8, maxPayloadLength + 1, true);
    const read = await scan(path, Buffer.concat([bytes, huge]));
    expect(read.frames).toHaveLength(5);
    expect(read.end.tail).toMatchObject({ offset: bytes.byteLength, kind: 'torn-tail' });
  });

  test('of a later format, it is refused with what to do', async () => {
    const { path, bytes } = await sample(await temporaryFolder());
    const { crc32 } = await import('../files/crc32');
    const later = bytes.slice();
    const view = new DataView(later.buffer);
    view.setUint16(4, 2, true);
    view.setUint32(28, crc32(later.subarray(0, 28)), true);
    await expect(scan(path, later)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('Upgrade @fairlead/tracking'),
    });
  });
});
