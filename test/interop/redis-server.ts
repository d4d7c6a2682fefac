import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Redis that runs for a test, behind a socket of the file system: it has no port. */
export interface RedisServer {
  readonly socket: string;
  close(): Promise<void>;
}

/** Starts Redis in a folder of its own, which keeps nothing. */
export async function startRedis(command: string, environment: NodeJS.ProcessEnv): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-redis-'));
  const socket = join(folder, 'redis.sock');
  const settings = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn(command, settings, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const lines = createInterface({ input: child.stdout });
  const isReady = await Promise.race([
    new Promise<boolean>((resolve) => {
      lines.on('line', (line) => {
        if (/ready to accept connections/i.test(line)) resolve(true);
      });
    }),
    exited.then(() => false),
  ]);
  if (!isReady) {
    await close();
    throw new Error(`Redis ended before it took connections (exit status ${child.exitCode})`);
  }
  return { socket, close };
}
