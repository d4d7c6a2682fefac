import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SuiteContext } from '../lib/suite';
import type { Running } from './children';

/** A Python server that is measured beside ours. */
export interface Peer {
  /** Its folder in `benchmarks/peers/`, and what FAIRLEAD_BENCH_PEERS calls it. */
  readonly name: string;
  readonly title: string;
  /** Goal of our rate by its own, MLP 784-512-512-10 as JSON at 64 connections. */
  readonly goal?: string;
  /** Settings that are worth a look on two cores; the fastest at 64 connections is taken. */
  readonly candidates: readonly PeerSettings[];
}

/** What its `serve.py` reads, each as an environment variable `BENCH_…`. */
export type PeerSettings = Readonly<Record<string, string | number>>;

const batching = { BATCH: 64, THREADS: 1 };

export const peers: readonly Peer[] = [
  {
    name: 'mlserver',
    title: 'MLServer',
    goal: '>= 10',
    candidates: [
      { ...batching, WORKERS: 0, WAIT_MS: 2 },
      { ...batching, WORKERS: 2, WAIT_MS: 2 },
      { ...batching, WORKERS: 1, WAIT_MS: 5 },
    ],
  },
  {
    name: 'bentoml',
    title: 'BentoML',
    goal: '>= 5',
    candidates: [
      // Past its limit of time it turns requests away, so that has to be more than 64 of them take.
      { ...batching, WORKERS: 2, MOST_MS: 10_000 },
      { ...batching, WORKERS: 1, MOST_MS: 10_000 },
      { ...batching, WORKERS: 2, MOST_MS: 1_000 },
    ],
  },
  {
    name: 'litserve',
    title: 'LitServe',
    goal: '>= 5',
    candidates: [
      { ...batching, WORKERS: 1, WAIT_MS: 2, API_SERVERS: 1, FAST_QUEUE: 1 },
      { ...batching, WORKERS: 1, WAIT_MS: 2, API_SERVERS: 2, FAST_QUEUE: 1 },
      { ...batching, WORKERS: 2, WAIT_MS: 2, API_SERVERS: 2, FAST_QUEUE: 0 },
    ],
  },
  {
    name: 'ray-serve',
    title: 'Ray Serve',
    candidates: [
      { ...batching, WORKERS: 2, WAIT_MS: 2 },
      { ...batching, WORKERS: 1, WAIT_MS: 5 },
    ],
  },
];

const folderOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);
/** Loading Ray on a busy machine takes its time. */
const startTimeoutMs = 120_000;
const pollMs = 100;

/**
 * The peers that FAIRLEAD_BENCH_PEERS names, separated by commas; without it all, with 0 none. Those that are left out are said aloud.
 * @throws Error for a name that is none
 */
export function chosenPeers(note: SuiteContext['note'], wish = process.env.FAIRLEAD_BENCH_PEERS): readonly Peer[] {
  if (wish === undefined || wish === '') return peers;
  const names = wish === '0' ? [] : wish.split(',');
  const unknown = names.find((name) => !peers.some((peer) => peer.name === name));
  if (unknown !== undefined) {
    throw new Error(`FAIRLEAD_BENCH_PEERS names "${unknown}"; there are ${peers.map(({ name }) => name).join(', ')}.`);
  }
  for (const { name, title } of peers) {
    if (!names.includes(name)) note(`NOT MEASURED: ${title}, whose rows are left out, as FAIRLEAD_BENCH_PEERS asks`);
  }
  return peers.filter(({ name }) => names.includes(name));
}

/** Installs a peer where it is not yet, and answers whether it is there now; that it can't be had is said aloud. */
export async function preparePeer({ name, title }: Peer, note: SuiteContext['note']): Promise<boolean> {
  try {
    note(`${title}: looking for it in .cache/peers/${name}, where it is installed once`);
    await run(folderOf('../peers/setup'), [name], { timeout: 900_000 });
    return true;
  } catch (error) {
    note(
      `NOT MEASURED: ${title}, whose rows are left out, since benchmarks/peers/setup ${name} failed: ${String(error)}`,
    );
    return false;
  }
}

/** The release of a peer that is installed. */
export async function versionOf({ name }: Peer): Promise<string> {
  const text = await readFile(folderOf(`../peers/${name}/requirements.txt`), 'utf8');
  const pinned = new RegExp(`^${name === 'ray-serve' ? 'ray' : name}==(\\S+)$`, 'm').exec(text)?.[1];
  if (pinned === undefined) throw new Error(`benchmarks/peers/${name}/requirements.txt pins no ${name}.`);
  return pinned;
}

/**
 * Starts a peer in a folder of its own and waits until it answers a request.
 *
 * @param probe asks the server on a port, and answers whether it is there
 * @throws Error with the last lines that it wrote, when it ends or does not answer in time
 */
export async function startPeer(
  { name, title }: Peer,
  modelPath: string,
  settings: PeerSettings,
  probe: (port: number) => Promise<boolean>,
): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-'));
  const log = await open(join(folder, 'log'), 'w');
  const [port, spare] = [await freePort(), await freePort()];
  const variables = { ...settings, MODEL: modelPath, PORT: port, SPARE_PORT: spare };
  const child = spawn(folderOf(`../../.cache/peers/${name}/bin/python`), [folderOf(`../peers/${name}/serve.py`)], {
    cwd: folder,
    // A group of its own, so that its workers end with it.
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: {
      ...process.env,
      ...Object.fromEntries(Object.entries(variables).map(([key, value]) => [`BENCH_${key}`, String(value)])),
      // They would tell their makers of every start.
      DO_NOT_TRACK: 'true',
      BENTOML_DO_NOT_TRACK: 'true',
      BENTOML_HOME: folder,
      RAY_USAGE_STATS_ENABLED: '0',
      OMP_NUM_THREADS: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(timer);
    }
    try {
      process.kill(-Number(child.pid), 'SIGKILL');
    } catch {
      // Nobody of the group is left.
    }
    await log.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const giveUpAt = performance.now() + startTimeoutMs;
  while (!(await probe(port))) {
    const isGone = child.exitCode !== null || child.signalCode !== null;
    if (isGone || performance.now() > giveUpAt) {
      const words = (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n').slice(-12).join('\n');
      await stop();
      throw new Error(`${title} ${isGone ? 'ended' : 'did not answer in time'}:\n${words}`);
    }
    await new Promise((resolve) => void setTimeout(resolve, pollMs));
  }
  return { port, settings: describeSettings(settings), stop };
}

/** Settings as the reader of the figures sees them: `workers 2, threads 1`. */
export function describeSettings(settings: PeerSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name.toLowerCase().replaceAll('_', ' ')} ${value}`)
    .join(', ');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
