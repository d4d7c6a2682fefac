import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readModelFile } from './model-file';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-model-file-'));
  await writeFile(join(folder, 'digits.onnx'), 'bytes of a model');
  await writeFile(join(folder, 'digits.golden.json'), '{"golden":1}');
  await writeFile(join(folder, 'digits.md'), '# card');
  await mkdir(join(folder, 'folder.onnx'));
});
afterAll(() => rm(folder, { recursive: true }));

const limit = { maxBytes: 100 };

describe('readModelFile', () => {
  test.each(['absolute', 'relative', 'URL'])('reads an %s reference: bytes, digest, name and version', async (kind) => {
    const path = join(folder, 'digits.onnx');
    const reference = { absolute: path, relative: relative(process.cwd(), path), URL: pathToFileURL(path).href }[kind];
    const model = await readModelFile(reference as string, limit);
    expect(new TextDecoder().decode(model.bytes)).toBe('bytes of a model');
    const digest = createHash('sha256').update('bytes of a model').digest('hex');
    expect(model).toMatchObject({ name: 'digits', digest, version: digest.slice(0, 12) });
  });

  test('calls an archive by its name without the ending', async () => {
    await writeFile(join(folder, 'iris.tar'), 'bytes of an archive');
    await writeFile(join(folder, 'iris.golden.json'), '{}');
    const model = await readModelFile(join(folder, 'iris.tar'), limit);
    expect(model.name).toBe('iris');
    expect(new TextDecoder().decode(await model.sidecar('golden'))).toBe('{}');
  });

  test('finds what travels with the model, and nothing where there is nothing', async () => {
    const model = await readModelFile(join(folder, 'digits.onnx'), limit);
    expect(new TextDecoder().decode(await model.sidecar('golden'))).toBe('{"golden":1}');
    expect(new TextDecoder().decode(await model.sidecar('card'))).toBe('# card');
    expect(await model.sidecar('reference')).toBeUndefined();
    await writeFile(join(folder, 'digits.card.md'), '# nearer card');
    expect(new TextDecoder().decode(await model.sidecar('card'))).toBe('# nearer card');
  });

  test('names the absolute path of a file that is missing, and where a relative one was looked for', async () => {
    const path = join(folder, 'nothing.onnx');
    await expect(readModelFile(path, limit)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: `There is no model at ${path}.`,
    });
    await expect(readModelFile('./nothing.onnx', limit)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining(`from the working directory ${process.cwd()}`),
      details: { given: join(process.cwd(), 'nothing.onnx') },
    });
  });

  test.each([
    ['a folder', () => join(folder, 'folder.onnx'), 'is a folder'],
    ['a path below a file', () => join(folder, 'digits.onnx', 'x.onnx'), 'There is no model'],
    ['a device', () => '/dev/null', 'no regular file'],
    ['a web address', () => 'https://example.com/digits.onnx', 'fetch the model first'],
    ['a file URL of another host', () => 'file://example.com/digits.onnx', 'no file URL'],
    ['a name with a zero byte', () => 'a\0b', 'cannot be read'],
  ])('refuses %s with MODEL_NOT_FOUND', async (_what, reference, message) => {
    await expect(readModelFile(reference(), limit)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining(message),
    });
  });

  test('refuses a file over the limit', async () => {
    await expect(readModelFile(join(folder, 'digits.onnx'), { maxBytes: 15 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { expected: 'at most 15 bytes', given: '16 bytes' },
    });
  });

  test('stops for a caller who left', async () => {
    const signal = AbortSignal.abort(new Error('left'));
    await expect(readModelFile(join(folder, 'digits.onnx'), { ...limit, signal })).rejects.toMatchObject({
      code: 'ABORTED',
      cause: { message: 'left' },
    });
  });
});
