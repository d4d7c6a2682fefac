import {
  type StartTelemetryOptions,
  startTelemetry,
  type Telemetry,
  type TelemetryStats,
} from '@fairlead/browser/telemetry';
import { createRunner, type ModelRunner } from '@fairlead/core';
import { parseReference } from '@fairlead/core/monitoring';
import { createMockBackend } from '@fairlead/core/testing';

// The page that the tests of telemetry drive: what it answers crosses to them as JSON.

/** What the tests call. */
export interface TelemetryPage {
  /** Starts a runner and its telemetry. `endpoint` and `token` are the site's unless given; `consent` is answered with. */
  start(options?: Partial<Omit<StartTelemetryOptions, 'token'>> & { token?: string; consent?: boolean }): Promise<void>;
  /** Runs rows of as many values as the reference has features. */
  run(rows: number): Promise<void>;
  flush(): Promise<TelemetryStats>;
  stats(): TelemetryStats;
  /** Reports in the database. */
  waiting(): Promise<number>;
}

declare global {
  var telemetryPage: TelemetryPage;
}

let runner: ModelRunner;
let telemetry: Telemetry;
let width = 0;

globalThis.telemetryPage = {
  async start({ token, consent, ...options } = {}) {
    const reference = parseReference(new Uint8Array(await (await fetch('/reference')).arrayBuffer()));
    width = reference.features.length;
    const signature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', width] }],
      outputs: [{ name: 'x', dtype: 'float32', shape: ['batch', width] }],
      batchAxis: 0,
    } as const;
    const backend = createMockBackend({ signature, compute: ({ x }) => ({ x: x as never }), device: 'wasm' });
    runner = await createRunner({ model: '1', backend, warmUp: false });
    telemetry = startTelemetry(runner, {
      endpoint: '/telemetry',
      token: token ?? (async () => (await fetch('/token')).text()),
      reference,
      maxCpuShare: 1,
      ...options,
      privacy: { minimumCount: 1, ...options.privacy, ...(consent === undefined ? {} : { consent: () => consent }) },
      retry: { firstDelayMs: 20, ...options.retry },
    });
    await telemetry.ready;
  },
  async run(rows) {
    // Not multiples of the length, so that values spread.
    const data = Float32Array.from({ length: rows * width }, (_, index) => (index * 37) % 101);
    const { counted, skipped } = telemetry.stats().rows;
    await runner.run({ x: { dtype: 'float32', shape: [rows, width], data } });
    // Telemetry counts in a later turn.
    const told = (): number => telemetry.stats().rows.counted + telemetry.stats().rows.skipped;
    while (told() < counted + skipped + rows) await new Promise((resolve) => setTimeout(resolve));
  },
  async flush() {
    await telemetry.flush();
    return telemetry.stats();
  },
  stats: () => telemetry.stats(),
  waiting: () =>
    new Promise((resolve, reject) => {
      const opening = indexedDB.open('fairlead-telemetry-default');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const database = opening.result;
        const count = database.transaction('reports').objectStore('reports').count();
        count.onsuccess = () => {
          database.close();
          resolve(count.result);
        };
        count.onerror = () => reject(count.error);
      };
    }),
};
