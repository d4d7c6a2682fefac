import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How long the server may take to make its tables and to listen. */
const startMs = 150_000;

/** Starts a real MLflow server on loopback, at a port of its choice, with a database and artifacts in a folder of its own. */
export async function startMlflow(python: string) {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-mlflow-'));
  const store = ['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`];
  const artifacts = ['--serve-artifacts', '--artifacts-destination', join(folder, 'artifacts')];
  const place = ['--host', '127.0.0.1', '--port', '0', '--workers', '1'];
  const server = spawn(python, ['-m', 'mlflow', 'server', ...store, ...artifacts, ...place], {
    // The server starts processes of its own, which end with its group.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true', NO_COLOR: '1' },
  });
  const ended = once(server, 'exit');

  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.pid !== undefined) {
      process.kill(-server.pid, 'SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };

  const listening = new Promise<string>((resolve, reject) => {
    let log = '';
    const timer = setTimeout(() => reject(new Error(`The MLflow server does not listen: ${log}`)), startMs);
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (piece: Buffer) => {
        log = (log + piece.toString()).slice(-8000);
        const [, url] = /running on (http:\/\/127\.0\.0\.1:\d+)\b/.exec(log) ?? [];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    }
    const onEnd = (why: unknown): void => {
      clearTimeout(timer);
      reject(new Error(`The MLflow server ended (${String(why)}): ${log}`));
    };
    ended.then(onEnd, onEnd);
  });
  try {
    return { url: await listening, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
