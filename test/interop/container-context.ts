import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * The folder that a container is built from, made of what this machine has, since no registry of images is asked: a root
 * with Node and its libraries, and the built packages with what they depend on.
 */

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** Libraries that a program or library needs, by the paths at which it finds them. */
function librariesOf(file: string): string[] {
  const listed = execFileSync('ldd', [file], { encoding: 'utf8' });
  return listed.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Packs a root with Node alone: no shell, no package manager. */
async function packRoot(archive: string, folder: string, runtime: string): Promise<void> {
  const libraries = new Set([process.execPath, join(runtime, 'onnxruntime_binding.node')].flatMap(librariesOf));
  for (const library of libraries) {
    // The runtime's own travels in its package.
    if (library.startsWith(runtime)) continue;
    await mkdir(join(folder, dirname(library)), { recursive: true });
    await cp(await realpath(library), join(folder, library));
  }
  for (const name of ['usr/bin', 'tmp', 'proc', 'dev']) await mkdir(join(folder, name), { recursive: true });
  await cp(process.execPath, join(folder, 'usr/bin/node'));
  execFileSync('tar', ['--create', '--file', archive, '--directory', folder, '.']);
  await rm(folder, { recursive: true });
}

interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Copies packages and all that they depend on, flat, as npm lays them. */
async function copyPackages(names: readonly string[], into: string, only: (path: string) => boolean): Promise<void> {
  const done = new Set<string>();
  const copy = async (name: string): Promise<void> => {
    if (done.has(name)) return;
    done.add(name);
    const source = await realpath(join(repository, 'node_modules', name));
    const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as PackageManifest;
    await cp(source, join(into, name), { recursive: true, dereference: true, filter: only });
    for (const dependency of Object.keys(manifest.dependencies ?? {})) await copy(dependency);
  };
  for (const name of names) await copy(name);
}

/** Lays the folder out: `root.tar`, `node_modules`, `package.json`, `models`, `server.mjs`. */
export async function layContainerContext(folder: string): Promise<void> {
  const runtime = join(repository, 'node_modules/onnxruntime-node/bin/napi-v6', process.platform, process.arch);
  await packRoot(join(folder, 'root.tar'), join(folder, 'root'), await realpath(runtime));
  const elsewhere = /\/bin\/napi-v\d+\/(?!linux(\/|$))|\/bin\/napi-v\d+\/linux\/(?!(x64|arm64)(\/|$))/;
  const otherProcessor = `/linux/${process.arch === 'x64' ? 'arm64' : 'x64'}`;
  const isNeeded = (path: string): boolean =>
    !elsewhere.test(path) && !path.endsWith(otherProcessor) && !/\/packages\/\w+\/(src|node_modules)$/.test(path);
  // Its installer is no part of what runs, and neither is what that needs.
  await copyPackages(['@fairlead/core', '@fairlead/node'], join(folder, 'node_modules'), isNeeded);
  for (const name of ['onnxruntime-node', 'onnxruntime-common']) {
    const source = await realpath(join(repository, 'node_modules', name));
    await cp(source, join(folder, 'node_modules', name), { recursive: true, dereference: true, filter: isNeeded });
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await mkdir(join(folder, 'models'));
  await cp(join(repository, 'examples/models/digits-v2.onnx'), join(folder, 'models/digits-v2.onnx'));
  await cp(join(repository, 'test/interop/container_service.mjs'), join(folder, 'server.mjs'));
}
