import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What an app's `node_modules` holds beside the two packages of its own that it imports. */
const dependencies = ['onnxruntime-web', 'zod', 'eventemitter3', '@noble/hashes', 'cockatiel', 'lru-cache'];

/** An app of the page that the browser tests drive, in JavaScript. */
export interface InstalledApp {
  /** Its `index.html`, `main.js` and `node_modules`. */
  readonly folder: string;
  remove(): void;
}

/**
 * Writes an app whose packages lie in its `node_modules` as npm puts them there: folders, and not links into a
 * workspace, which bundlers treat otherwise.
 *
 * @param html the page, which loads `./main.js`
 */
export function installApp(html: string): InstalledApp {
  mkdirSync(`${root}test/.cache`, { recursive: true });
  const folder = mkdtempSync(`${root}test/.cache/app-`);
  for (const name of ['core', 'browser']) {
    const installed = join(folder, 'node_modules/@fairlead', name);
    mkdirSync(installed, { recursive: true });
    for (const part of ['package.json', 'dist']) {
      cpSync(`${root}packages/${name}/${part}`, join(installed, part), { recursive: true });
    }
  }
  for (const name of dependencies) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(`${root}node_modules/${name}`, link, 'junction');
  }
  const source = readFileSync(new URL('./page/main.ts', import.meta.url), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  });
  writeFileSync(join(folder, 'main.js'), outputText);
  writeFileSync(join(folder, 'index.html'), html);
  writeFileSync(join(folder, 'package.json'), '{ "name": "app", "private": true, "type": "module" }\n');
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
