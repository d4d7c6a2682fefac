import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GrpcLoad, GrpcLoadResult } from './grpc-load';
import type { HttpLoad, HttpLoadResult } from './http-load';
import type { Ready } from './servers/ours';

/** A contestant that listens. */
export interface Running extends Ready {
  stop(): Promise<void>;
}

/** What drives loads, in a process of its own. */
export interface Driver {
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

/** Starts the driver of loads. */
export async function startDriver(): Promise<Driver> {
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
