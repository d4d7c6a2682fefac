import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder } from './make-folder';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fairlead-make-folder-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test('a folder is made with those that it lies in, once or often, and by several at once', async () => {
  const deep = join(root, 'a', 'b', 'c');
  await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(join(deep, 'd'))]);
  await makeFolder(deep);
  await makeFolder(relative(process.cwd(), join(root, 'x', '..', 'y')));
  expect((await stat(join(deep, 'd'))).isDirectory()).toBe(true);
  expect((await stat(join(root, 'y'))).isDirectory()).toBe(true);
});

test('what is in its way is told', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.runIf(process.platform === 'linux')(
  'where nobody may make any, it fails in place of trying for ever',
  async () => {
    await expect(makeFolder('/proc/fairlead/deploy')).rejects.toMatchObject({ code: 'ENOENT' });
  },
);
