import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A line of the service's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The example, in a process of its own. */
export interface RunningService {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** What it has logged. */
  readonly log: readonly LogLine[];
  /** How it ended. */
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

/** Starts the example on a free port and waits until it listens. */
export async function startService(env: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const script = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: root,
    env: { ...process.env, TSX_TSCONFIG_PATH: `${root}tsconfig.dist.json`, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log: LogLine[] = [];
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines = createInterface({ input: child.stdout });
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      const told = JSON.parse(line) as LogLine;
      log.push(told);
      if (typeof told.url === 'string') resolve(told.url);
    });
    void closed.then(([code]) => reject(new Error(`The service ended with ${code} before it listened.`)));
  });
  return { url, port: Number(new URL(url).port), process: child, log, ended: closed };
}
