import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createDockerfile } from '@fairlead/node/manifests';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layContainerContext } from './container-context';
import { prepareBuildah } from './setup';

/*
 * The generated Dockerfile, built and run by buildah with chroot isolation: no engine, no daemon, no registry. Its base is
 * a root made of this machine's Node, so what is proven is the recipe and what is copied, not an image of somebody else's.
 */

const buildah = prepareBuildah();
const execute = promisify(execFile);

/** What the service says when it listens. */
interface Service {
  readonly url: string;
  readonly pid: number;
  readonly uid: number;
  readonly node: string;
}

interface ImageSettings {
  readonly User: string;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly StopSignal: string;
}

const local = ['HOST=127.0.0.1', 'PORT=0'];

/** Waits for the first line of a service, which is plain data. */
async function serviceOf(child: ChildProcess): Promise<Service> {
  const said: string[] = [];
  child.stderr?.on('data', (text) => said.push(String(text)));
  const line = await new Promise<string>((resolve, reject) => {
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`The container ended with ${code}: ${said.join('')}`)));
  });
  return JSON.parse(line) as Service;
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

async function askForDigit(url: string): Promise<{ status: number; model: string; label: unknown }> {
  const csv = await readFile(new URL('../../examples/models/digits-test.csv', import.meta.url), 'utf8');
  const [, row = ''] = csv.split('\n');
  const numbers = row.split(',').map(Number);
  const inputs = [{ name: 'pixels', shape: [1, 64], datatype: 'FP32', data: numbers.slice(0, 64) }];
  const answer = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
  const body = (await answer.json()) as { model_name: string; outputs: { name: string; data: unknown[] }[] };
  const label = body.outputs.find(({ name }) => name === 'label')?.data[0];
  return { status: answer.status, model: body.model_name, label: Number(label) === numbers[64] };
}

describe.skipIf(buildah.missing !== undefined)('the generated Dockerfile', () => {
  let folder: string;
  let settings: ImageSettings;
  let container: string;

  const run = async (...args: readonly string[]): Promise<string> => {
    if (buildah.missing !== undefined) throw new Error(buildah.missing);
    const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
    const { stdout } = await execute(buildah.command, [...storage, ...args], { timeout: 240_000, maxBuffer: 2 ** 24 });
    return stdout.trim();
  };

  beforeAll(async () => {
    if (buildah.missing !== undefined) return;
    folder = await mkdtemp(join(tmpdir(), 'fairlead-container-'));
    const context = join(folder, 'context');
    await mkdir(context);
    await layContainerContext(context);
    const dockerfile = createDockerfile({ base: { archive: 'root.tar' }, entry: 'server.mjs' });
    await writeFile(join(context, 'Dockerfile'), dockerfile);
    // buildah asks whose images may be taken, though none is fetched.
    await writeFile(join(folder, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    const policy = ['--signature-policy', join(folder, 'policy.json')];
    await run('bud', '--isolation', 'chroot', ...policy, '--tag', 'digits', context);
    const inspected = JSON.parse(await run('inspect', '--type', 'image', 'digits')) as {
      OCIv1: { config: ImageSettings };
    };
    settings = inspected.OCIv1.config;
    container = await run('from', ...policy, '--pull-never', 'digits');
  }, 300_000);

  afterAll(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test('it says how it is run: who, where, by what and until which signal', () => {
    expect(settings).toMatchObject({
      User: '65532:65532',
      WorkingDir: '/app',
      Entrypoint: ['node', 'server.mjs'],
      ExposedPorts: { '8080/tcp': {} },
      StopSignal: 'SIGTERM',
    });
    expect(settings.Env).toContain('NODE_ENV=production');
  });

  test('it serves a model as a user without rights, and ends by SIGTERM', async () => {
    if (buildah.missing !== undefined) throw new Error(buildah.missing);
    const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
    const variables = local.flatMap((pair) => ['--env', pair]);
    const child = spawn(
      buildah.command,
      [...storage, 'run', '--isolation', 'chroot', ...variables, container, '--', ...settings.Entrypoint],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const said: string[] = [];
    child.stderr.on('data', (text) => said.push(String(text)));
    const service = await serviceOf(child);
    expect(service).toMatchObject({ uid: 65_532, node: process.version });
    expect((await fetch(`${service.url}/v2/health/ready`)).status).toBe(200);
    expect(await askForDigit(service.url)).toEqual({ status: 200, model: 'digits', label: true });
    // There is no process space of its own under chroot isolation: this is what an engine sends to it.
    process.kill(service.pid, 'SIGTERM');
    // buildah answers 1 for a process that ended by a signal, and says by which.
    expect(await endOf(child)).toEqual({ code: 1, signal: null });
    expect(said.join('')).toMatch(/terminated/i);
    await expect(fetch(`${service.url}/v2/health/live`)).rejects.toThrow();
  }, 120_000);

  test('as the first process of a space of its own, where the kernel ends nothing by a signal, it ends by SIGTERM too', async () => {
    const root = await run('mount', container);
    const environment = [...settings.Env, ...local, 'LANES=2'];
    const [, script = ''] = settings.Entrypoint;
    // Two workers keep the process alive, which would never end by itself.
    const child = spawn(
      'unshare',
      [
        '--pid',
        '--fork',
        'env',
        '--ignore-environment',
        ...environment,
        'chroot',
        `--userspec=${settings.User}`,
        root,
        '/usr/bin/node',
        join(settings.WorkingDir, script),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const service = await serviceOf(child);
    expect(service).toMatchObject({ pid: 1, uid: 65_532 });
    expect((await askForDigit(service.url)).status).toBe(200);
    const { stdout } = await execute('pgrep', ['-P', String(child.pid)]);
    process.kill(Number(stdout.trim()), 'SIGTERM');
    expect(await endOf(child)).toEqual({ code: 143, signal: null });
  }, 120_000);
});
