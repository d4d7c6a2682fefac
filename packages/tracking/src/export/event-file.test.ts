import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { createVirtualClock } from '@fairlead/core/testing';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import { crc32c, maskedCrc32c } from './crc32c';
import { EventFile } from './event-file';
import { exportTensorBoard } from './export-tensorboard';

/** CRC-32C a bit at a time. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

type Field = [number: number, value: bigint | Uint8Array];

/** The fields of a protocol buffer. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const [field, wire] = [key >> 3, key & 7];
    if (wire === 0) fields.push([field, BigInt.asIntN(64, varint())]);
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
      fields.push([field, new Uint8Array(view.buffer, view.byteOffset + at, length)]);
      at += length;
    }
  }
  return fields;
}

function bytesIn(fields: readonly Field[], number: number): Uint8Array {
  const [, value] = fields.find(([field]) => field === number) ?? [];
  if (!(value instanceof Uint8Array)) throw new Error(`no bytes in field ${number}`);
  return value;
}

interface Point {
  readonly tag: string;
  readonly step: bigint;
  readonly wallTime: number;
  readonly value: number;
}

/** Reads a file as TensorFlow's record format has it, checksums and all. */
function readEvents(file: Uint8Array): { version: string; points: Point[] } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const points: Point[] = [];
  let version = '';
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc32c(file.slice(at, at + 8)));
    const data = file.slice(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc32c(data));
    at += 16 + length;
    const event = fieldsOf(data);
    if (version === '') {
      version = new TextDecoder().decode(bytesIn(event, 3));
      continue;
    }
    const wall = bytesIn(event, 1);
    const value = fieldsOf(bytesIn(fieldsOf(bytesIn(event, 5)), 1));
    const tensor = value.find(([field]) => field === 8);
    const number = tensor === undefined ? bytesIn(value, 2) : bytesIn(fieldsOf(tensor[1] as Uint8Array), 6);
    const numberView = new DataView(number.buffer, number.byteOffset);
    points.push({
      tag: new TextDecoder().decode(bytesIn(value, 1)),
      step: event.find(([field]) => field === 2)?.[1] as bigint,
      wallTime: new DataView(wall.buffer, wall.byteOffset).getFloat64(0, true),
      value: tensor === undefined ? numberView.getFloat32(0, true) : numberView.getFloat64(0, true),
    });
  }
  return { version, points };
}

describe('CRC-32C', () => {
  test('has the values that are published', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array())).toBe(0);
  });

  test('is the same a bit at a time, of any part', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, a, b) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        expect(crc32c(bytes, start, end)).toBe(slowCrc32c(bytes.slice(start, end)));
      }),
    );
  });
});

test('an event file holds any points', () => {
  const point = fc.record({
    tag: fc.oneof(fc.constantFrom('loss', 'val/größe'), fc.string({ minLength: 1, maxLength: 250 })),
    step: fc.maxSafeInteger(),
    timestamp: fc.integer({ min: 0, max: 8.64e15 }),
    value: fc.double(),
  });
  fc.assert(
    fc.property(
      fc.array(point, { maxLength: 30 }),
      fc.constantFrom('single', 'double'),
      fc.integer({ min: 1, max: 200 }),
      (given, precision, taken) => {
        const file = new EventFile(1000, precision);
        const parts: Uint8Array[] = [];
        for (const { tag, step, timestamp, value } of given) {
          file.add(tag, step, timestamp, value);
          if (file.length > taken) parts.push(file.take());
        }
        parts.push(file.take());
        const { version, points } = readEvents(Uint8Array.from(parts.flatMap((part) => [...part])));
        expect(version).toBe('brain.Event:2');
        expect(points).toEqual(
          given.map(({ tag, step, timestamp, value }) => ({
            tag,
            step: BigInt(step),
            wallTime: timestamp / 1000,
            value: precision === 'single' ? Math.fround(value) : value,
          })),
        );
      },
    ),
  );
});

describe('exportTensorBoard', () => {
  test('makes a file a run, in folders that every file system takes, and makes it again over the old one', async () => {
    const tracker = await openTracker({ dir: await temporaryFolder(), clock: createVirtualClock() });
    onTestFinished(() => tracker.close());
    const names = ['first', '../../etc', 'a/b\\c:*?', '..', ' . ', 'ä'.repeat(200)];
    const ids: string[] = [];
    for (const [index, name] of names.entries()) {
      await tracker.withRun({ name, experiment: index === 1 ? '../up' : 'digits' }, (run) => {
        run.log({ loss: index }, { step: 5, timestamp: 1500 });
        ids.push(run.id);
      });
    }
    const dir = await temporaryFolder();
    const { files, points } = await exportTensorBoard(tracker, { dir, runs: ids });
    expect(points).toBe(names.length);
    const ends = ids.map((id) => id.slice(-8));
    expect(files.map((file) => relative(dir, file).split(sep).slice(0, -1).join('/'))).toEqual([
      `digits/first-${ends[0]}`,
      `__up/__.._etc-${ends[1]}`,
      `digits/a_b_c___-${ends[2]}`,
      `digits/_-${ends[3]}`,
      `digits/_-${ends[4]}`,
      `digits/${'ä'.repeat(60)}-${ends[5]}`,
    ]);
    expect(files[0]).toMatch(/events\.out\.tfevents\.\d{10}\.fairlead\.[0-9a-f]{32}$/);
    const again = await exportTensorBoard(tracker, { dir, experiments: ['digits'], precision: 'double' });
    expect(again.files).toHaveLength(5);
    expect(readEvents(await readFile(files[2] as string)).points).toEqual([
      { tag: 'loss', step: 5n, wallTime: 1.5, value: 2 },
    ]);
  });

  test('refuses options that it does not have', async () => {
    const tracker = await openTracker({ dir: await temporaryFolder() });
    onTestFinished(() => tracker.close());
    for (const options of [{}, { dir: '' }, { dir: 'x', precision: 'half' }, { dir: 'x', hparams: true }]) {
      await expect(exportTensorBoard(tracker, options as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    }
    await expect(exportTensorBoard(tracker, { dir: 'x', signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
