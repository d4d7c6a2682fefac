import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { readArtifacts, unpackTar } from '@fairlead/core/tfjs';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { readTfjsModel } from './read-model';
import { tfjs } from './tfjs-backend';
import { softmaxGraph, writeFiles } from './tiny-tfjs.fixture';

const root = await mkdtemp(join(tmpdir(), 'fairlead-tfjs-read-'));
afterAll(() => rm(root, { recursive: true }));

const limit = { maxBytes: 20_000 };
const files = softmaxGraph();
const [json, weights] = files as [(typeof files)[0], (typeof files)[0]];
const weightsBytes = weights.bytes.byteLength;

let count = 0;
let folder: string;
beforeEach(async () => {
  folder = join(root, `softmax-${count++}`);
  await writeFiles(folder, files);
});

/** Writes a model.json whose manifest names other files, or another text. */
async function writeJson(change: (text: string) => string): Promise<string> {
  await writeFile(join(folder, 'model.json'), change(new TextDecoder().decode(json.bytes)));
  return join(folder, 'model.json');
}

describe('a model.json with its weights', () => {
  test('is read as one archive, with its digest, and called as its folder', async () => {
    const model = await readTfjsModel(join(folder, 'model.json'), limit);
    expect([...unpackTar(model.bytes)]).toEqual(files.map(({ path, bytes }) => [path, bytes]));
    const digest = createHash('sha256').update(model.bytes).digest('hex');
    expect(model).toMatchObject({ digest, name: folder.split(/[/\\]/).at(-1), version: digest.slice(0, 12) });
    expect((await readTfjsModel(pathToFileURL(join(folder, 'model.json')).href, limit)).digest).toBe(digest);
  });

  test('has another digest with other weights', async () => {
    const before = await readTfjsModel(join(folder, 'model.json'), limit);
    await writeFile(
      join(folder, weights.path),
      weights.bytes.map((byte) => byte ^ 1),
    );
    expect((await readTfjsModel(join(folder, 'model.json'), limit)).digest).not.toBe(before.digest);
  });

  test('of another name is called by it, and what travels with it has that name', async () => {
    await writeFile(join(folder, 'digits.json'), json.bytes);
    await writeFile(join(folder, 'digits.golden.json'), '{}');
    await writeFile(join(folder, 'model.md'), '# card');
    const digits = await readTfjsModel(join(folder, 'digits.json'), limit);
    expect(digits.name).toBe('digits');
    expect(new TextDecoder().decode(await digits.sidecar('golden'))).toBe('{}');
    const model = await readTfjsModel(join(folder, 'model.json'), limit);
    expect(model.digest).toBe(digits.digest);
    expect(new TextDecoder().decode(await model.sidecar('card'))).toBe('# card');
    expect(await model.sidecar('golden')).toBeUndefined();
  });

  test('may reach its weights by a link, as caches of downloads lay them', async () => {
    await rm(join(folder, weights.path));
    await writeFile(join(root, 'blob'), weights.bytes);
    await symlink(join(root, 'blob'), join(folder, weights.path));
    expect(unpackTar((await readTfjsModel(join(folder, 'model.json'), limit)).bytes).get(weights.path)).toEqual(
      weights.bytes,
    );
  });
});

describe('a tar archive', () => {
  test('by tar itself is read as it is, and is the same model', async () => {
    const path = join(root, 'softmax.tar');
    await promisify(execFile)('tar', ['-cf', path, '-C', folder, '.']);
    const model = await readTfjsModel(path, limit);
    expect(model.name).toBe('softmax');
    expect(model.bytes).toEqual(new Uint8Array(await readFile(path)));
    const own = await readTfjsModel(join(folder, 'model.json'), limit);
    expect(readArtifacts(model)).toEqual(readArtifacts(own));
  });
});

describe('what is not there, or too much', () => {
  test('a missing model.json is MODEL_NOT_FOUND with its absolute path', async () => {
    await expect(tfjs().doResolve?.(join(folder, 'nothing.json'), {})).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: `There is no model at ${join(folder, 'nothing.json')}.`,
    });
    await expect(readTfjsModel(folder, limit)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('is a folder'),
    });
  });

  test('missing weights are MODEL_NOT_FOUND that names the file and who wants it', async () => {
    await unlink(join(folder, weights.path));
    await expect(readTfjsModel(join(folder, 'model.json'), limit)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: `The weights file ${join(folder, weights.path)}, which ${join(folder, 'model.json')} names, cannot be read.`,
      cause: { code: 'ENOENT' },
    });
  });

  test.each([
    '../weights.bin',
    'weights/../../weights.bin',
    '/etc/passwd',
    'C:\\\\weights.bin',
    '..\\\\weights.bin',
    'https://example.com/weights.bin',
    'file:///etc/passwd',
    '\\u0000',
    '',
  ])('weights at "%s" are no path below the folder', async (path) => {
    const reference = await writeJson((text) => text.replace(weights.path, path));
    await expect(readTfjsModel(reference, limit)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('which is no path below the folder of model.json'),
    });
  });

  test.each([weights.path, 'model.json'])('weights that name %s twice are MODEL_INVALID', async (path) => {
    const reference = await writeJson((text) => text.replace(`["${weights.path}"]`, `["${weights.path}","${path}"]`));
    await expect(readTfjsModel(reference, limit)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining(`name the file "${path}" twice`),
    });
  });

  test.each([weightsBytes - 1, weightsBytes + 4])('weights of %i bytes are MODEL_INVALID', async (length) => {
    await writeFile(join(folder, weights.path), new Uint8Array(length));
    await expect(readTfjsModel(join(folder, 'model.json'), limit)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining(`its weights need ${weightsBytes} bytes, and ${weights.path} has ${length}`),
    });
  });

  test('a limit counts the weights too, before they are read', async () => {
    const total = json.bytes.byteLength + weightsBytes;
    await expect(readTfjsModel(join(folder, 'model.json'), { maxBytes: total - 1 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { expected: `at most ${total - 1} bytes`, given: `${total} bytes` },
    });
    await expect(readTfjsModel(join(folder, 'model.json'), { maxBytes: 10 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect((await readTfjsModel(join(folder, 'model.json'), { maxBytes: total })).bytes.byteLength).toBeGreaterThan(0);
  });

  test('stops for a caller who left', async () => {
    const signal = AbortSignal.abort();
    await expect(readTfjsModel(join(folder, 'model.json'), { ...limit, signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
