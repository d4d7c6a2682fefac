import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ClosedLoad, LoadFigures } from './closed-load';
import type { GrpcLoad, GrpcLoadResult } from './grpc-load';
import type { HttpLoad, HttpLoadResult } from './http-load';
import type { Ready } from './servers/ours';
import { driveByWrk, wrkTitle } from './wrk';

/** A contestant that listens. */
export interface Running extends Ready {
  stop(): Promise<void>;
}

/** What drives loads, in processes of its own. */
export interface Driver {
  /** What drives closed loops, for the reader of the figures. */
  readonly closedBy: string;
  /** Drives a closed loop as cheaply as it can be had. */
  driveClosed(load: ClosedLoad): Promise<LoadFigures>;
  /** Drives a loop by Node, closed or at a rate: two that are compared have to come from one driver. */
  drive(load: HttpLoad): Promise<HttpLoadResult>;
  driveGrpc(load: GrpcLoad): Promise<GrpcLoadResult>;
  stop(): Promise<void>;
}

/** Starts a server of Node's; see `server.process.ts` for the kinds. */
export async function startServer(kind: string, modelPath: string): Promise<Running> {
  const child = forkFile('./server.process.ts', [kind, modelPath]);
  const ready = await nextMessage<Ready>(child);
  return { ...ready, stop: () => stopChild(child) };
}

/**
 * Starts the driver of loads.
 *
 * @param wrk the command that drives closed loops. @default Node drives them
 */
export async function startDriver(wrk?: string): Promise<Driver> {
  const child = forkFile('./load.process.ts', []);
  await nextMessage(child);
  const drive = async <Result>(load: HttpLoad | GrpcLoad): Promise<Result> => {
    const answer = nextMessage<{ readonly result?: Result; readonly error?: string }>(child);
    child.send(load);
    const { result, error } = await answer;
    if (result === undefined) throw new Error(`The load could not be driven: ${error}`);
    return result;
  };
  return {
    closedBy: wrk === undefined ? `Node ${process.versions.node}, one thread` : wrkTitle,
    driveClosed: (load) => (wrk === undefined ? drive<HttpLoadResult>(load) : driveByWrk(wrk, load)),
    drive: (load) => drive<HttpLoadResult>(load),
    driveGrpc: (load) => drive<GrpcLoadResult>(load),
    stop: () => stopChild(child),
  };
}

function forkFile(file: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 2, 2, 'ipc'],
    // The built packages, as users have them, from a test too.
    env: { ...process.env, TSX_TSCONFIG_PATH: fileURLToPath(new URL('../../tsconfig.dist.json', import.meta.url)) },
    // JSON would lose that a figure is NaN.
    serialization: 'advanced',
  });
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void => {
      reject(new Error(`${child.spawnargs.at(-1)} ended with ${signal ?? code} before it answered.`));
    };
    child.once('exit', onExit).once('error', reject);
    child.once('message', (message) => {
      child.off('exit', onExit).off('error', reject);
      resolve(message as T);
    });
  });
}

/** Ends a child that was started here, and waits until it is gone. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}
