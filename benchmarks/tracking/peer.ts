import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SuiteContext } from '../lib/suite';

const folderOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const python = folderOf('../../.cache/peers/mlflow/bin/python');
const setup = folderOf('../peers/mlflow/setup');
const script = folderOf('../peers/mlflow/log_points.py');
const points = 20_000;
const run = promisify(execFile);
/** Whether the peer is there: found out once a run. */
let prepared: Promise<boolean> | undefined;

/** What MLflow's client came to. */
export interface PeerFigures {
  readonly label: string;
  readonly pointsPerSecond: number;
}

/**
 * Points a second of MLflow's Python client, with batches of 1000 on its default store. It is set up where it is not yet,
 * which takes a minute or two. `undefined`, which is said aloud, where that cannot be done, or FAIRLEAD_BENCH_PEERS=0 forbids it.
 */
export async function measurePeer(folder: string, note: SuiteContext['note']): Promise<PeerFigures | undefined> {
  prepared ??= existsSync(python) ? Promise.resolve(true) : prepare(note);
  if (!(await prepared)) return undefined;
  const dir = await mkdtemp(`${folder}/mlflow-`);
  try {
    const env = {
      ...process.env,
      MLFLOW_TRACKING_URI: undefined,
      MLFLOW_DISABLE_TELEMETRY: 'true',
      DO_NOT_TRACK: 'true',
    };
    const { stdout } = await run(python, [script, dir, String(points)], { env, timeout: 300_000 });
    const { version, store, pointsPerSecond, kept } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      version: string;
      store: string;
      pointsPerSecond: number;
      kept: boolean;
    };
    if (!kept) throw new Error('MLflow did not keep the last point.');
    return { label: `MLflow ${version}, log_batch of 1000 on ${store.split(':')[0]}`, pointsPerSecond };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Sets the peer up, and answers whether it is there now. */
async function prepare(note: SuiteContext['note']): Promise<boolean> {
  if (process.env.FAIRLEAD_BENCH_PEERS === '0') {
    note('NOT MEASURED: MLflow, whose row is left out, as FAIRLEAD_BENCH_PEERS=0 asks');
    return false;
  }
  note('installing MLflow into .cache/peers/mlflow, once');
  try {
    await run(setup, [], { timeout: 600_000 });
    return true;
  } catch (error) {
    note(`NOT MEASURED: MLflow, whose row is left out, since benchmarks/peers/mlflow/setup failed: ${String(error)}`);
    return false;
  }
}
