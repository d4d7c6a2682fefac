import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** A feature server of Feast that runs for a test. */
export interface FeastServer {
  readonly url: string;
  close(): Promise<void>;
}

/** What the server with the contract of Feast knows: the same drivers as `feast_server.py`. */
const drivers = new Map<number, Readonly<Record<string, unknown>>>([
  [1001, { rate: 0.5, trips: 7, city: 'Bern', recent: [1, 2] }],
  [1002, { rate: 0.25, trips: 8, city: null, recent: [3, 4] }],
]);
const featuresOfView = ['rate', 'city', 'trips', 'recent'];

interface Question {
  readonly features?: readonly string[];
  readonly feature_service?: string;
  readonly entities: Readonly<Record<string, readonly unknown[]>>;
  readonly full_feature_names?: boolean;
}

const noTime = '1970-01-01T00:00:00Z';

/**
 * Answers as Feast 0.67 was seen to: columns in an order of its own, the join key first; `PRESENT` with `null` for a value
 * that is none; texts that are numbers taken as keys; 500 and a JSON text for a feature that there is not.
 */
function answer(question: Question): { readonly status: number; readonly body: unknown } {
  const asked = question.features?.map((name) => name.replace(/^stats:/, ''));
  const wrong = asked?.find((name) => !featuresOfView.includes(name));
  if (wrong !== undefined) return { status: 500, body: `'Feature ${wrong} not found in projection stats'` };
  const names = featuresOfView.filter((name) => asked?.includes(name) ?? question.feature_service === 'service');
  const ids = (question.entities.driver_id ?? []).map(Number);
  const at = new Date(Date.now() - 300_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const known = ids.map((id) => drivers.get(id));
  const columns = names.map((name) => ({
    values: known.map((driver) => driver?.[name] ?? null),
    statuses: known.map((driver) => (driver === undefined ? 'NOT_FOUND' : 'PRESENT')),
    event_timestamps: known.map((driver) => (driver === undefined ? noTime : at)),
  }));
  const keys = { values: ids, statuses: ids.map(() => 'PRESENT'), event_timestamps: ids.map(() => noTime) };
  const prefix = question.full_feature_names === true ? 'stats__' : '';
  const feature_names = ['driver_id', ...names.map((name) => prefix + name)];
  return { status: 200, body: { results: [keys, ...columns], metadata: { feature_names } } };
}

/** Starts a server that keeps the contract, for machines without Feast, which weighs 585 MB. */
export async function startContract(): Promise<FeastServer> {
  const server = createServer(async (request, response) => {
    const isKnown = request.method === 'POST' && request.url === '/get-online-features';
    const { status, body } = isKnown
      ? answer(JSON.parse(await text(request)))
      : { status: 404, body: { detail: 'Not Found' } };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Starts Feast itself with a Python that has it. */
export async function startFeast(python: string): Promise<FeastServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-feast-'));
  const script = fileURLToPath(new URL('./feast_server.py', import.meta.url));
  const child = spawn(python, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<undefined>((resolve) => child.once('close', () => resolve(undefined)));
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const port = await Promise.race([
    new Promise<string>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (/^\d+$/.test(line)) resolve(line);
      });
    }),
    exited,
  ]);
  if (port === undefined) throw new Error(`Feast ended before it said its port (exit status ${child.exitCode})`);
  const url = `http://127.0.0.1:${port}`;
  try {
    await fetch(`${url}/health`);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}
