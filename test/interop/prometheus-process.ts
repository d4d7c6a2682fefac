import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** A sample or a row of samples, as the query API answers them. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  /** Of an instant query. */
  readonly value?: readonly [time: number, value: string];
  /** Of a range query. */
  readonly values?: readonly (readonly [time: number, value: string])[];
}

/** A Prometheus that runs for a test. */
export interface PrometheusProcess {
  /** Asks the HTTP API below `/api/v1/`; what it refuses is an error with its words. */
  ask<T>(path: string, parameters?: Readonly<Record<string, string>>): Promise<T>;
  /** An instant query, now. */
  query(expression: string): Promise<readonly QueryResult[]>;
  /** A range query of the last half minute. */
  queryRange(expression: string): Promise<readonly QueryResult[]>;
  /** Asks again and again until the answer is not undefined. */
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
  close(): Promise<void>;
}

/** How long anything may take to show up. */
const patienceMs = 45_000;

/** Starts Prometheus on a free port of this machine alone, in a folder of its own, with these files beside its settings. */
export async function startPrometheus(
  program: string,
  files: Readonly<Record<string, string>>,
): Promise<PrometheusProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-prometheus-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      '--log.format=json',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };

  let address: string;
  try {
    address = await addressOf(child);
  } catch (error) {
    await close();
    throw error;
  }
  const ask: PrometheusProcess['ask'] = async <T>(path: string, parameters: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`, {
      signal: AbortSignal.timeout(patienceMs),
    });
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  };
  return {
    ask,
    async query(expression) {
      return (await ask<{ result: QueryResult[] }>('query', { query: expression })).result;
    },
    async queryRange(expression) {
      const end = Date.now() / 1000;
      const range = { start: String(end - 30), end: String(end), step: '1' };
      return (await ask<{ result: QueryResult[] }>('query_range', { query: expression, ...range })).result;
    },
    async until(what, look) {
      const deadline = Date.now() + patienceMs;
      for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        if (Date.now() > deadline) throw new Error(`Within ${patienceMs} ms: no ${what}.`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    close,
  };
}

/** Reads from its log where it listens; and goes on reading, or the log would fill its pipe. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    const fail = (reason: string): void => reject(new Error(`Prometheus ${reason}.\n${log.slice(-20).join('\n')}`));
    const timer = setTimeout(() => fail(`did not listen within ${patienceMs} ms`), patienceMs);
    child.once('error', ({ message }) => fail(`cannot be started: ${message}`));
    child.once('close', (code) => fail(`ended with ${code} before it listened`));
    if (child.stderr === null) return;
    createInterface(child.stderr).on('line', (line) => {
      log.push(line);
      const found = /"address":"(127\.0\.0\.1:[1-9]\d*)"/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
}
