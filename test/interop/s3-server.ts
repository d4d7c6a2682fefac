import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server that speaks S3, on this machine alone. */
export interface S3Server {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Starts moto with the Python of its virtual environment. */
export async function startS3Server(python: string): Promise<S3Server> {
  const script = fileURLToPath(new URL('./moto_server.py', import.meta.url));
  const child = spawn(python, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<undefined>((resolve) => child.once('close', () => resolve(undefined)));
  const firstLine = new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once('line', (line) => resolve(line)),
  );
  const port = await Promise.race([firstLine, exited]);
  if (port === undefined) throw new Error(`moto ended before it said its port (exit status ${child.exitCode})`);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
