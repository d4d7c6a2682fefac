import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createPool } from '@fairlead/core/pool';
import { remote } from '@fairlead/core/remote';
import { remoteGrpc } from '@fairlead/node/grpc';
import { afterEach, expect, it } from 'vitest';

const script = fileURLToPath(new URL('./pool-replica.ts', import.meta.url));
const tsx = fileURLToPath(new URL('../node_modules/tsx/dist/cli.mjs', import.meta.url));
const settings = fileURLToPath(new URL('../tsconfig.dist.json', import.meta.url));

interface Replica {
  readonly url: string;
  readonly child: ChildProcess;
}

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

async function startReplica(transport: string): Promise<Replica> {
  // Without tsx's own child in between, so that what is killed is the server.
  const args = ['--import', new URL('loader.mjs', `file://${tsx}`).href, script, transport];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TSX_TSCONFIG_PATH: settings },
  });
  started.push(child);
  const [url] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  return { url, child };
}

it.each([
  ['http', remote],
  ['grpc', remoteGrpc],
])(
  'loses no request when one of three replicas over %s is killed under load',
  { timeout: 120_000 },
  async (transport, connect) => {
    const replicas = await Promise.all(Array.from({ length: 3 }, () => startReplica(transport)));
    const pool = await createPool({
      endpoints: replicas.map(({ url }) => ({ name: url, connect: () => connect({ url, model: 'digits' }) })),
      // As many as may fail at once: all that the killed one has in flight.
      retryBudget: { share: 0.2, perSecond: 10 },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    });
    const pixels = Float32Array.from({ length: 64 }, (_, index) => (index * 7) % 17);
    const total = 3000;
    const labels = new Set<number>();
    const failures: unknown[] = [];
    let sent = 0;
    let answered = 0;
    const caller = async (): Promise<void> => {
      while (sent < total) {
        if (++sent === total / 3) replicas[1]?.child.kill('SIGKILL');
        try {
          const { outputs } = await pool.run({ pixels });
          labels.add(Number((outputs.label as { readonly data: ArrayLike<number | bigint> }).data[0]));
          answered++;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: 32 }, caller));

    expect(failures).toEqual([]);
    expect(answered).toBe(total);
    expect(labels.size).toBe(1);
    const { retries, recovered, givenUp } = pool.poolStats();
    expect(retries).toBeGreaterThan(0);
    expect(recovered).toBeGreaterThan(0);
    expect(givenUp).toEqual({ attempts: 0, budget: 0, endpoints: 0 });
    const states = pool.describe().endpoints.map(({ state }) => state);
    expect([states[0], states[2]]).toEqual(['ready', 'ready']);
    expect(states[1]).not.toBe('ready');
    await pool.close();
  },
);
