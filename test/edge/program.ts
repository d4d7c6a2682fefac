import { createRunner, FairleadError, type LocalRunner } from '@fairlead/core';
import { cascade } from '@fairlead/core/cascade';
import { createRegistry, instrumentRunner, renderMetrics } from '@fairlead/core/metrics';
import { createDriftMonitor, fitReference } from '@fairlead/core/monitoring';
import { remote } from '@fairlead/core/remote';
import { createHandler, type Handler } from '@fairlead/core/serving';
import { createMockBackend } from '@fairlead/core/testing';

/*
 * What an app on an edge runtime does, written against the web alone. It is bundled from the built packages and runs in a bare
 * context (`bare-context.test.ts`), in workerd, in Deno and in Bun (`test/interop/edge.test.ts`).
 */

/** What {@link exercise} found; plain JSON. */
export interface Findings {
  /** What the runner answered to eight callers at once, each `[value, -value]` times two. */
  readonly doubled: number[];
  /** Rows of the batch that those callers travelled in. */
  readonly batchRows: number;
  readonly description: string;
  /** What a request with a wrong input failed with. */
  readonly refusal: string;
  /** What a request whose time was up failed with. */
  readonly late: string;
  /** What a runner that was closed failed with. */
  readonly closed: string;
  /** Whether the exposition counts the rows. */
  readonly counted: boolean;
  /** The drift state of a monitor that saw what it knows, and of one that saw something else. */
  readonly drift: string[];
  /** What a remote runner answered through the handler, without a network. */
  readonly remote: number[];
  /** Where a cascade had each of two rows computed, and why. */
  readonly computed: string[];
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const open = (): Promise<LocalRunner> => createRunner({ model: '1', backend: createMockBackend(), logger: quiet });
const numbersOf = ({ outputs }: { outputs: Readonly<Record<string, { data: ArrayLike<unknown> } | undefined>> }) =>
  Array.from(outputs.y?.data ?? [], Number);
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return FairleadError.isInstance(error) ? error.code : String(error);
  }
};

/** Rows that go up and down around a value, so that nothing is random. */
const rowsAround = (center: number, count: number) =>
  Array.from({ length: count }, (_, index) => Float32Array.of(center + Math.sin(index), center + Math.cos(index * 7)));

/** Uses every part that has no platform. */
export async function exercise(): Promise<Findings> {
  const runner = await open();
  const registry = createRegistry();
  instrumentRunner(registry, runner);
  // It is told a turn after the answers are there.
  const batch = new Promise<number>((resolve) => void runner.events.once('batch-end', ({ rows }) => resolve(rows)));
  const values = [1, 2, 3, 4, 5, 6, 7, 8];
  const answers = await Promise.all(values.map((value) => runner.run({ x: Float32Array.of(value, -value) })));
  const refusal = await codeOf(runner.run({ x: Float32Array.of(1) }));
  const late = await codeOf(runner.run({ x: Float32Array.of(1, 2) }, { timeoutMs: 0 }));
  const batchRows = await batch;
  const { body } = renderMetrics(registry, undefined);

  const reference = await fitReference(rowsAround(0, 500), { inputs: ['x'] });
  const drift: string[] = [];
  for (const center of [0, 50]) {
    const monitor = createDriftMonitor({ reference, meanTimeBetweenFalseAlarms: 1e6, maxCpuShare: 1, logger: quiet });
    for (const row of rowsAround(center, 1000)) monitor.observe({ x: { dtype: 'float32', shape: [1, 2], data: row } });
    drift.push(monitor.report().state);
    await monitor.close();
  }

  const handler = createHandler({ double: runner }, { logger: quiet });
  const cloud = await remote({
    url: 'http://models.test',
    model: 'double',
    fetch: (input, init) => handler(new Request(input, init)),
  });
  const fromCloud = await cloud.run({ x: Float32Array.of(3, 4) });

  const both = cascade({
    edge: await open(),
    cloud,
    escalate: { confidence: { threshold: 10, measure: ({ y }) => Number(y?.data[0]) } },
    logger: quiet,
  });
  const { rows } = (await both.run({ x: Float32Array.of(1, 1, 9, 9) })).cascade;
  await both.close();

  await runner.close();
  return {
    doubled: answers.flatMap(numbersOf),
    batchRows,
    description: `${runner.describe().backend} on ${runner.describe().device}`,
    refusal,
    late,
    closed: await codeOf(runner.run({ x: Float32Array.of(1, 2) })),
    counted: /^ml_prediction_rows_total\{.*\} 8$/m.test(body),
    drift,
    remote: numbersOf(fromCloud),
    computed: rows.map(({ where, why }) => `${where}: ${why}`),
  };
}

let serving: Promise<Handler> | undefined;

/** The handler of a server: the Open Inference Protocol over a runner, and `GET /exercise` with {@link exercise}. */
export async function handle(request: Request): Promise<Response> {
  if (new URL(request.url).pathname === '/exercise') return Response.json(await exercise());
  // A runtime may forbid timers and randomness before the first request.
  serving ??= open().then((runner) => createHandler({ double: runner }, { logger: quiet }));
  return (await serving)(request);
}
