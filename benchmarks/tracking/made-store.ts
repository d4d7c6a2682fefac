import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/*
 * Writes a store of many ended runs, of 40 fields each, straight into files as FORMAT.md describes them: through a tracker
 * it would take a sync a run. That the product reads these runs is a check of that description by the way.
 */

const params = Array.from({ length: 10 }, (_, i) => `param_${i}`);
const tags = Array.from({ length: 6 }, (_, i) => `tag_${i}`);
const metrics = Array.from({ length: 24 }, (_, i) => `metric_${i}`);
const marker = 0x5eed_beef;
const firstStart = 1_700_000_000_000;
const encoder = new TextEncoder();

function header(createdAt: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.write('FLSG', 'latin1');
  bytes.writeUInt16LE(1, 4);
  bytes.writeUInt16LE(32, 6);
  bytes.writeDoubleLE(createdAt, 8);
  bytes.writeUInt32LE(marker, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

function frame(sequence: number, type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(20 + payload.byteLength);
  bytes.writeUInt32LE(marker, 0);
  bytes.writeUInt32LE(payload.byteLength, 8);
  bytes.writeUInt32LE(sequence, 12);
  bytes[16] = type;
  bytes.set(payload, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

const event = (value: object): Uint8Array => encoder.encode(JSON.stringify(value));

/** One point of every metric. */
function points(at: number, valueAt: (metric: number) => number): Buffer {
  const n = metrics.length;
  const names = metrics.flatMap((name) => {
    const length = Buffer.alloc(2);
    length.writeUInt16LE(name.length);
    return [length, Buffer.from(name)];
  });
  const fixed = Buffer.alloc(24);
  fixed.writeUInt32LE(n, 0);
  fixed.writeUInt16LE(n, 4);
  fixed[6] = 1;
  fixed[7] = 1;
  fixed.writeDoubleLE(0, 8);
  fixed.writeDoubleLE(at, 16);
  const columns = Buffer.alloc(n * (2 + 4 + 4 + 8));
  for (let i = 0; i < n; i++) {
    columns.writeUInt16LE(i, i * 2);
    columns.writeDoubleLE(valueAt(i), n * 10 + i * 8);
  }
  return Buffer.concat([fixed, ...names, columns]);
}

/** The fields of the i-th run: `metric_0` falls from 1 to 0 as i rises, the rest differ from run to run. */
function segment(i: number, id: string, at: number): Buffer {
  const fields = (names: readonly string[], value: (k: number) => unknown) =>
    Object.fromEntries(names.map((name, k) => [name, value(k)]));
  return Buffer.concat([
    header(at),
    frame(1, 1, event({ type: 'start', at, id, experiment: `experiment ${i % 7}`, name: `run ${i}`, leaseUntil: at })),
    frame(
      2,
      1,
      event({ type: 'params', at, params: fields(params, (k) => (k % 2 ? `choice ${(i + k) % 5}` : i / k)) }),
    ),
    frame(3, 1, event({ type: 'tags', at, tags: fields(tags, (k) => `value ${(i * 31 + k) % 11}`) })),
    frame(
      4,
      2,
      points(at, (k) => (k === 0 ? 1 / (1 + i) : Math.sin(i * 7 + k))),
    ),
    frame(5, 1, event({ type: 'end', at: at + 1000, status: i % 9 === 0 ? 'FAILED' : 'FINISHED' })),
  ]);
}

/** Fills an empty folder with a store of so many runs. */
export function makeStore(dir: string, runs: number): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'fairlead.json'), '{"format":1,"kind":"fairlead-tracking"}\n');
  for (let i = 0; i < runs; i++) {
    const at = firstStart + i * 1000;
    const id = at.toString(16).padStart(12, '0') + i.toString(16).padStart(20, '0');
    const folder = join(dir, 'runs', id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'a0000000.seg'), segment(i, id, at));
  }
}
