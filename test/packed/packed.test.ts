import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { manifestOf, packageFolders, repository, subpathsOf } from '../../scripts/entries';
import { npm, type PackedPackage, packAll } from '../../scripts/packed';

/**
 * The packages as a user gets them: packed as they are built now, installed from their tarballs in an empty folder with
 * their dependencies and no optional peer, then loaded by Node itself.
 */
let folder: string;
let packages: PackedPackage[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-packed-'));
  packages = packAll(folder);
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const tarballs = packages.map(({ tarball }) => tarball);
  npm(
    ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', ...tarballs],
    folder,
  );
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The names that a module has when Node loads it in a process of its own, and what Node prints to stderr. */
async function load(how: 'import' | 'require', module: string): Promise<string[]> {
  const loaded = how === 'import' ? `await import('${module}')` : `require('${module}')`;
  const script = `const loaded = ${loaded}; console.log(JSON.stringify(Object.keys(loaded).sort()));`;
  const options = ['--no-warnings', `--input-type=${how === 'import' ? 'module' : 'commonjs'}`, '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, options, { cwd: folder });
  return JSON.parse(stdout) as string[];
}

const entries = packageFolders.flatMap((name) => {
  const manifest = manifestOf(name);
  return subpathsOf(manifest).map((subpath) => `${manifest.name}${subpath.slice(1)}`);
});

/** Peers without which an entry cannot be imported: a hook is nothing without its framework, nor a span without OpenTelemetry, nor a call without gRPC. */
const frameworks: Readonly<Record<string, string>> = {
  '@fairlead/browser/react': 'react',
  '@fairlead/core/tracing': '@opentelemetry/api',
  '@fairlead/node/grpc': '@grpc/grpc-js',
};

describe.each(entries)('%s', (entry) => {
  it('is imported, and required with the same names', async () => {
    const framework = frameworks[entry];
    if (framework !== undefined) {
      await expect(load('import', entry)).rejects.toThrow(`Cannot find package '${framework}'`);
      const installed = join(folder, 'node_modules', framework);
      await mkdir(dirname(installed), { recursive: true });
      await symlink(join(repository, 'node_modules', framework), installed, 'junction');
      onTestFinished(() => rm(installed));
    }
    const imported = await load('import', entry);
    expect(imported).not.toEqual([]);
    expect(imported).not.toContain('default');
    expect((await load('require', entry)).filter((name) => name !== '__esModule')).toEqual(imported);
  });
});

it('ships every file that its package.json names, its README and its licence', () => {
  for (const { manifest } of packages) {
    const installed = join(folder, 'node_modules', manifest.name);
    const files = JSON.stringify(manifest.exports).match(/\.\/dist\/[^"]+\.js/g) ?? [];
    expect(files).toHaveLength(subpathsOf(manifest).length);
    const commands = Object.values(manifest.bin ?? {});
    for (const file of [...files, ...commands, 'README.md', 'LICENSE']) {
      expect(existsSync(join(installed, file)), `${manifest.name}: ${file}`).toBe(true);
    }
  }
});

it('ships no source and no test', async () => {
  for (const { manifest } of packages) {
    const files = await readdir(join(folder, 'node_modules', manifest.name), { recursive: true });
    expect(files.filter((file) => /\.test\.|(?<!\.d)\.ts$/.test(file))).toEqual([]);
  }
});

it('installs its command, none called node, and no optional peer', () => {
  expect(existsSync(join(folder, 'node_modules/.bin/fairlead-node'))).toBe(true);
  expect(existsSync(join(folder, 'node_modules/.bin/node'))).toBe(false);
  expect(existsSync(join(folder, 'node_modules/onnxruntime-node'))).toBe(false);
  expect(existsSync(join(folder, 'node_modules/onnxruntime-web'))).toBe(false);
  expect(existsSync(join(folder, 'node_modules/@tensorflow'))).toBe(false);
});

it('says how to install TensorFlow.js where it is missing', async () => {
  const script = `const { tfjs } = await import('@fairlead/node'); console.log(JSON.stringify(await tfjs().isSupported()));`;
  const options = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, options, { cwd: folder });
  const packages = ['core', 'layers', 'converter', 'backend-cpu', 'backend-wasm'];
  const command = `npm install ${packages.map((name) => `@tensorflow/tfjs-${name}`).join(' ')}`;
  expect(JSON.parse(stdout)).toEqual({
    supported: false,
    reason: `TensorFlow.js is not installed. Run \`${command}\`.`,
  });
});

it('says how to install the libraries of the readers where they are missing', async () => {
  const script = `
    const { readArrow, readCsv, readParquet } = await import('@fairlead/node/readers');
    for (const rows of [readCsv(new Uint8Array(1)), readArrow(new Uint8Array(1)), readParquet(new Uint8Array(1))]) {
      await rows[Symbol.asyncIterator]().next().catch(({ message }) => console.log(message));
    }`;
  const options = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, options, { cwd: folder });
  expect(stdout.match(/`npm install [^`]+`/g)).toEqual(
    ['csv-parse', 'apache-arrow', 'hyparquet'].map((name) => `\`npm install ${name}\``),
  );
});

it('says how to install yaml where it is missing', async () => {
  const script = `const { toYaml } = await import('@fairlead/node/dashboards'); await toYaml({ groups: [] }).catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: folder,
  });
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('Run `npm install yaml`'),
  });
});

describe('npx @fairlead/node', () => {
  /** What npx does, but that it fetches nothing. */
  async function npx(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const command = ['exec', '--no', '--offline', '--', '@fairlead/node', ...args];
    const options = { cwd: folder, shell: process.platform === 'win32', timeout: 120_000 };
    try {
      return { status: 0, ...(await promisify(execFile)('npm', command, options)) };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { status: code, stdout, stderr };
    }
  }

  it('doctor says how to install the runtime that is missing, and fails', async () => {
    const { status, stdout } = await npx('doctor');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^Fairlead \d+\.\d+\.\d+ on Node /);
    expect(stdout).toContain('$ npm install @fairlead/core @fairlead/node onnxruntime-node\n');
  }, 120_000);

  it('doctor computes on the CPU and in a worker thread where the runtime is there', async () => {
    const runtime = join(folder, 'node_modules/onnxruntime-node');
    await symlink(join(repository, 'node_modules/onnxruntime-node'), runtime, 'junction');
    try {
      const { status, stdout } = await npx('doctor', '--json');
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        fairlead: manifestOf('node').version,
        onnxruntime: expect.stringMatching(/^1\./),
        devices: { cpu: { works: true, ms: expect.any(Number) } },
        workerLanes: { works: true, ms: expect.any(Number) },
        float16: { works: true },
      });
    } finally {
      await rm(runtime);
    }
  }, 120_000);

  it('with an argument that is none says how it is used, and fails with 2', async () => {
    expect(await npx('nurse')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('Usage: ') });
  }, 120_000);
});
