import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dvcDatasets, hashDvc, readDvcFile, readDvcLock, verifyDvc } from '.';
import { folderHash, folderList } from './dvc-hash';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fairlead-dvc-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(path: string, content: string | Uint8Array): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content);
  return whole;
}

describe('hashes', () => {
  it('a file by its bytes', async () => {
    // md5 of "hello\n", as any md5sum tells it.
    expect(await hashDvc(write('a.txt', 'hello\n'))).toEqual({ md5: 'b1946ac92492d2347c6235b4d2611184', size: 6 });
  });

  it('a text of DVC 2 as if its lines ended in \\n, and what is no text by its bytes', async () => {
    const text = write('crlf.txt', 'hello\r\n');
    expect((await hashDvc(text, { hash: 'md5-dos2unix' })).md5).toBe('b1946ac92492d2347c6235b4d2611184');
    expect((await hashDvc(text)).md5).not.toBe('b1946ac92492d2347c6235b4d2611184');
    const binary = write('crlf.bin', Uint8Array.of(0, 13, 10));
    expect(await hashDvc(binary, { hash: 'md5-dos2unix' })).toEqual(await hashDvc(binary));
  });

  it('a folder by the list of its files, in the order of code points, in ASCII', async () => {
    const entries = [
      { path: '\u{1f600}.txt', md5: '2'.repeat(32) },
      { path: '\uff41.txt', md5: '1'.repeat(32) },
      { path: 'b/"c".txt', md5: '0'.repeat(32) },
    ];
    expect(folderList(entries)).toBe(
      `[{"md5": "${'0'.repeat(32)}", "relpath": "b/\\"c\\".txt"}, {"md5": "${'1'.repeat(32)}", "relpath": "\\uff41.txt"}, ` +
        `{"md5": "${'2'.repeat(32)}", "relpath": "\\ud83d\\ude00.txt"}]`,
    );
    write('data/x/1.csv', 'one');
    write('data/2.csv', 'two!');
    const hashed = await hashDvc(join(root, 'data'));
    const [one, two] = [await hashDvc(join(root, 'data/x/1.csv')), await hashDvc(join(root, 'data/2.csv'))];
    expect(hashed).toEqual({
      md5: folderHash([
        { path: 'x/1.csv', md5: one.md5 },
        { path: '2.csv', md5: two.md5 },
      ]),
      size: 7,
      files: 2,
    });
    expect(hashed.md5).toMatch(/^[0-9a-f]{32}\.dir$/);
  });

  it('leaves out what is ignored, and does not follow a link to a folder', async () => {
    write('data/1.csv', 'one');
    const alone = await hashDvc(join(root, 'data'));
    write('data/notes.tmp', 'no data');
    symlinkSync(root, join(root, 'data/loop'));
    expect(await hashDvc(join(root, 'data'), { ignores: (path) => path.endsWith('.tmp') })).toEqual(alone);
  });

  it('refuses what is not there, and a folder that DVC refuses', async () => {
    await expect(hashDvc(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    write('data/.dvcignore', '*.tmp');
    await expect(hashDvc(join(root, 'data'))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('stops when it is told to', async () => {
    const path = write('a.txt', 'hello\n');
    await expect(hashDvc(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

const lock = `schema: '2.0'
stages:
  prepare:
    cmd: node prepare.js
    deps:
    - path: raw.csv
      hash: md5
      md5: b1946ac92492d2347c6235b4d2611184
      size: 6
    params:
      params.yaml:
        split: 0.2
    outs:
    - path: data
      hash: md5
      md5: ${'a'.repeat(32)}.dir
      size: 7
      nfiles: 2
  train:
    cmd:
    - node train.js
    - node score.js
    outs:
    - path: model.onnx
`;

describe('files', () => {
  it('of dvc add, with and without the name of the hash, and in another folder', async () => {
    const path = write(
      'raw.csv.dvc',
      'outs:\n- md5: b1946ac92492d2347c6235b4d2611184\n  size: 6\n  hash: md5\n  path: raw.csv\n',
    );
    expect(await readDvcFile(path)).toEqual([
      { path: 'raw.csv', md5: 'b1946ac92492d2347c6235b4d2611184', hash: 'md5', size: 6 },
    ]);
    const old = write('old.dvc', `wdir: sub/\nouts:\n- md5: ${'b'.repeat(32)}.dir\n  nfiles: 3\n  path: old\n`);
    expect(await readDvcFile(old)).toEqual([
      { path: 'sub/old', md5: `${'b'.repeat(32)}.dir`, hash: 'md5-dos2unix', files: 3 },
    ]);
  });

  it('of dvc repro', async () => {
    expect(await readDvcLock(write('dvc.lock', lock))).toMatchObject([
      {
        name: 'prepare',
        command: 'node prepare.js',
        dependencies: [{ path: 'raw.csv', hash: 'md5', size: 6 }],
        outputs: [{ path: 'data', md5: `${'a'.repeat(32)}.dir`, files: 2 }],
        params: { 'params.yaml': { split: 0.2 } },
      },
      {
        name: 'train',
        command: 'node train.js\nnode score.js',
        dependencies: [],
        outputs: [{ path: 'model.onnx' }],
        params: {},
      },
    ]);
  });

  it.each([
    ['a lock of another schema', 'dvc.lock', "schema: '3.0'\n", 'PROTOCOL_ERROR'],
    ['a file of somebody else', 'x.dvc', 'hello: world\n', 'PROTOCOL_ERROR'],
    ['a hash that is none', 'x.dvc', 'outs:\n- md5: "../../etc/passwd"\n  path: a\n', 'PROTOCOL_ERROR'],
    ['no YAML', 'x.dvc', 'outs: [\n', 'PROTOCOL_ERROR'],
  ])('refuses %s', async (_, name, text, code) => {
    const read = name === 'dvc.lock' ? readDvcLock : readDvcFile;
    await expect(read(write(name, text))).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
  });

  it('refuses aliases that blow a small file up, and a file that is not there', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`,
    );
    await expect(
      readDvcFile(write('bomb.dvc', `a0: &a0 [x]\n${levels.join('\n')}\nouts: *a12\n`)),
    ).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
    });
    await expect(readDvcFile(join(root, 'nowhere.dvc'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('verifying', () => {
  it('tells what is the same, changed, missing and unknown', async () => {
    const path = write('dvc.lock', lock);
    write('raw.csv', 'hello\n');
    write('data/1.csv', 'other');
    expect(await verifyDvc(path)).toMatchObject([
      { path: 'raw.csv', status: 'same' },
      { path: 'data', status: 'changed', expected: `${'a'.repeat(32)}.dir` },
      { path: 'model.onnx', status: 'unknown' },
    ]);
    rmSync(join(root, 'raw.csv'));
    expect((await verifyDvc(path))[0]).toEqual({
      path: 'raw.csv',
      status: 'missing',
      expected: 'b1946ac92492d2347c6235b4d2611184',
    });
  });

  it('gives the data as inputs of a run', async () => {
    expect(await dvcDatasets(write('dvc.lock', lock), 'training')).toEqual([
      { name: 'raw.csv', digest: 'md5:b1946ac92492d2347c6235b4d2611184', source: 'raw.csv', context: 'training' },
      { name: 'data', digest: `md5:${'a'.repeat(32)}.dir`, source: 'data', context: 'training' },
    ]);
  });
});
