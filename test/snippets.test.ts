import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyMaskedMean } from '../packages/node/src/onnx/tiny-onnx';

const root = fileURLToPath(new URL('..', import.meta.url));
const runsIn = ['README.md', 'docs'];

interface Snippet {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/**
 * The fenced blocks of a page whose info string is exactly `ts`. Blocks for a browser say `ts browser` and run there, those
 * for an MLflow server or a Redis say `ts mlflow` or `ts redis` and run in test/interop.
 */
function snippetsOf(file: string, markdown: string): Snippet[] {
  const snippets: Snippet[] = [];
  const fence = /^```ts\n([\s\S]*?)^```$/gm;
  for (const match of markdown.matchAll(fence)) {
    const line = markdown.slice(0, match.index).split('\n').length;
    snippets.push({ file, line, code: match[1] as string });
  }
  return snippets;
}

async function pages(): Promise<string[]> {
  const found: string[] = [];
  for (const name of runsIn) {
    if (name.endsWith('.md')) found.push(name);
    else
      for (const file of await readdir(`${root}${name}`, { recursive: true }))
        if (file.endsWith('.md')) found.push(`${name}/${file}`);
  }
  return found;
}

const snippets = (
  await Promise.all((await pages()).map(async (file) => snippetsOf(file, await readFile(`${root}${file}`, 'utf8'))))
).flat();

/** The types alone are left out, at once for all: a process of its own that does so takes longer than most snippets. */
const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022, verbatimModuleSyntax: true };

let folder: string;

// Inside the repository, so that the snippets find the packages as a user's code does, and built as a user gets them.
beforeAll(async () => {
  await mkdir(`${root}test/.cache`, { recursive: true });
  folder = await mkdtemp(`${root}test/.cache/snippets-`);
  await writeFile(`${folder}/package.json`, '{ "type": "module" }');
  for (const ending of ['onnx', 'golden.json']) {
    await cp(`${root}examples/models/digits-v2.${ending}`, `${folder}/digits.${ending}`);
    await cp(`${root}examples/models/digits-v1.${ending}`, `${folder}/digits-old.${ending}`);
  }
  await writeFile(`${folder}/sentences.onnx`, tinyMaskedMean());
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the snippets of the documentation', () => {
  test('the README has some', () => {
    expect(snippets.filter(({ file }) => file === 'README.md').length).toBeGreaterThanOrEqual(3);
  });

  test.for(snippets)('$file:$line runs', { timeout: 90_000 }, async ({ code, line, file }) => {
    const name = `${file.replace(/\W/g, '-')}-${line}.js`;
    await writeFile(`${folder}/${name}`, transpileModule(code, { compilerOptions }).outputText);
    const { stderr } = await promisify(execFile)(process.execPath, [name], { cwd: folder, timeout: 60_000 });
    expect(stderr).toBe('');
  });
});
