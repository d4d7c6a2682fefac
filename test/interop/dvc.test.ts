import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type DvcHashName, hashDvc } from '@fairlead/tracking/dvc';
import { describe, expect, onTestFinished, test } from 'vitest';
import { prepareDvcData } from './setup';

const python = prepareDvcData();

type Found = Record<string, Record<DvcHashName, [md5: string, size: number, files: number | null]>>;

async function hashByDvc(command: string, paths: readonly string[]): Promise<Found> {
  const script = fileURLToPath(new URL('dvc_hash.py', import.meta.url));
  const { stdout } = await promisify(execFile)(command, [script, ...paths], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as Found;
}

describe.skipIf(python.missing !== undefined)("DVC's own hash", () => {
  const command = python.missing === undefined ? python.command : '';

  test('is ours, of files and folders of every kind, by version 3 and before', { timeout: 120_000 }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'fairlead-dvc-'));
    onTestFinished(() => rm(root, { recursive: true }));
    const line = 'a line\r\n';
    const contents: Readonly<Record<string, string | Uint8Array>> = {
      'text.csv': 'a,b\r\n1,2\r\n',
      'binary.bin': Uint8Array.of(0, 13, 10, 255),
      empty: '',
      'latin.txt': Uint8Array.from({ length: 600 }, (_, i) => (i % 3 === 0 ? 0xe9 : i % 2 === 0 ? 13 : 10)),
      // Longer than a piece, so that a line may end in two of them and the next piece may look like something else.
      'long.txt': line.repeat((2 ** 20 / line.length) * 2).slice(1),
      'long.mixed': Buffer.concat([
        Buffer.from(`${'x'.repeat(2 ** 20 - 1)}\r\n`),
        Buffer.alloc(600, 1),
        Buffer.from('\r\n'),
      ]),
      'folder/a.txt': 'one\r\n',
      'folder/deep/er/b.bin': Uint8Array.of(1, 2, 3),
      'folder/\uff41.txt': 'beyond the basic plane comes later',
      'folder/\u{1f600} "quoted"\\.txt': 'emoji',
      'folder/Upper.txt': 'U',
      'folder/\u007f.txt': 'delete',
    };
    for (const [name, content] of Object.entries(contents)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), content);
    }
    await mkdir(join(root, 'elsewhere'));
    await writeFile(join(root, 'elsewhere/c.txt'), 'not of the folder');
    await symlink(join(root, 'elsewhere'), join(root, 'folder/link-to-folder'));
    await symlink(join(root, 'text.csv'), join(root, 'folder/link-to-file'));
    const paths = [...Object.keys(contents).filter((name) => !name.includes('/')), 'folder'].map((name) =>
      join(root, name),
    );
    const theirs = await hashByDvc(command, paths);
    for (const path of paths) {
      for (const hash of ['md5', 'md5-dos2unix'] as const) {
        const [md5, size, files] = theirs[path]?.[hash] ?? [];
        const ours = await hashDvc(path, { hash });
        expect({ path, hash, ...ours }).toEqual({ path, hash, md5, size, ...(files === null ? {} : { files }) });
      }
    }
  });
});
