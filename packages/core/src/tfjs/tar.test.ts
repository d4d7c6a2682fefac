import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTar, packTar, unpackTar } from './tar';

const call = promisify(execFile);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const longPath = `${'deep/'.repeat(30)}weights.bin`;
const files = [
  { path: 'model.json', bytes: encode('{"modelTopology":{}}') },
  { path: 'weights/group1-shard1of1.bin', bytes: Uint8Array.from({ length: 1000 }, (_, index) => index % 251) },
  { path: 'empty.bin', bytes: new Uint8Array() },
  { path: 'gewichte/größe.bin', bytes: encode('ä') },
  { path: longPath, bytes: encode('long') },
];
const contents = Object.fromEntries(files.map(({ path, bytes }) => [path, bytes]));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-tar-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('an archive of ours', () => {
  test('reads back, and is the same for the same files', () => {
    const archive = packTar(files);
    expect(isTar(archive)).toBe(true);
    expect(Object.fromEntries(unpackTar(archive))).toEqual(contents);
    expect(packTar(files)).toEqual(archive);
    expect(archive.byteLength % 512).toBe(0);
  });

  test('is unpacked by tar itself', async () => {
    const path = join(folder, 'ours.tar');
    await writeFile(path, packTar(files));
    const target = join(folder, 'unpacked');
    await mkdir(target);
    expect(await call('tar', ['-xf', path, '-C', target])).toEqual({ stdout: '', stderr: '' });
    for (const { path: name, bytes } of files) {
      expect(new Uint8Array(await readFile(join(target, name)))).toEqual(bytes);
    }
  });

  test.each([98, 99, 100, 101, 989, 990])('keeps a name of %i bytes', (length) => {
    const path = 'n'.repeat(length);
    expect([...unpackTar(packTar([{ path, bytes: encode('x') }])).keys()]).toEqual([path]);
  });
});

describe('an archive by tar', () => {
  beforeAll(async () => {
    for (const { path, bytes } of files) {
      await mkdir(dirname(join(folder, 'source', path)), { recursive: true });
      await writeFile(join(folder, 'source', path), bytes);
    }
  });

  test.each(['gnu', 'oldgnu', 'pax', 'ustar'])('of the format %s is read', async (format) => {
    const path = join(folder, `${format}.tar`);
    await call('tar', [`--format=${format}`, '-cf', path, '-C', join(folder, 'source'), '.']);
    expect(Object.fromEntries(unpackTar(new Uint8Array(await readFile(path))))).toEqual(contents);
  });
});

describe('what is no whole archive', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['zeros', new Uint8Array(1024)],
    ['text', encode('not a model at all'.repeat(100))],
  ])('%s is none', (_what, bytes) => expect(isTar(bytes)).toBe(false));

  test.each([600, 1024, 1100, 1600])('one that is cut off after %i bytes is MODEL_INVALID', (length) => {
    expect(() => unpackTar(packTar(files).subarray(0, length))).toThrowError(
      expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringContaining('cut off') }),
    );
  });

  test('one that is damaged is MODEL_INVALID', () => {
    const archive = packTar(files);
    const second = 1024;
    const damaged = archive.slice();
    damaged[second + 3] = 0xff;
    expect(() => unpackTar(damaged)).toThrowError(
      expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringContaining('byte 1024 is damaged') }),
    );
  });

  test('a size that no memory holds is cut off too', () => {
    const archive = packTar([{ path: 'a', bytes: encode('a') }]);
    archive.fill(0xff, 124, 136);
    const sum = archive.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    archive.set(encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    expect(() => unpackTar(archive)).toThrowError(expect.objectContaining({ code: 'MODEL_INVALID' }));
  });

  test('of two files with one path the later one counts; pax records that mean nothing change nothing', () => {
    const twice = packTar([
      { path: 'a', bytes: encode('old') },
      { path: './a', bytes: encode('new') },
    ]);
    expect(Object.fromEntries(unpackTar(twice))).toEqual({ a: encode('new') });
    const odd = packTar([
      { path: 'record', bytes: encode('no record') },
      { path: 'a', bytes: encode('a') },
    ]);
    // A type of 'x' makes the first file a pax header; the sum of the header follows.
    const shift = 'x'.charCodeAt(0) - '0'.charCodeAt(0);
    odd[156] = 'x'.charCodeAt(0);
    const sum = Number.parseInt(new TextDecoder().decode(odd.subarray(148, 154)), 8) + shift;
    odd.set(encode(sum.toString(8).padStart(6, '0')), 148);
    expect(Object.fromEntries(unpackTar(odd))).toEqual({ a: encode('a') });
  });
});
