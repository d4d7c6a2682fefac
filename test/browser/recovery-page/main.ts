import { type OnnxOptions, onnx } from '@fairlead/browser';
import {
  createRunner,
  FairleadError,
  type LocalRunner,
  type RunnerDescription,
  type RunnerHealth,
  type Tensors,
} from '@fairlead/core';
import { cascade } from '@fairlead/core/cascade';
import { remote } from '@fairlead/core/remote';

// The page that the tests of recovery drive: what it answers crosses to them as JSON.

/** What a test may know of an event. */
export interface PageEvent {
  readonly name: string;
  readonly device?: string;
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly message?: string;
}

/** What became of one request: the numbers of one output, or an error. */
export type PageOutcome = { readonly values: number[] } | { readonly code: string; readonly message: string };

/** A model by its URL or its bytes. */
export type PageModel = string | readonly number[];

/** What the tests call. */
export interface RecoveryPage {
  /** Opens a runner. */
  open(model: PageModel, backend: OnnxOptions, checkGolden?: boolean): Promise<PageOutcome>;
  /** Sends requests at once, each with inputs of its own, and waits for all. */
  run(output: string, requests: readonly PageRequest[]): Promise<PageOutcome[]>;
  /** Sends so many numbers through the model that gives them a shape: y is as large as x. */
  grow(numbers: number): Promise<number>;
  /** As `run`, without waiting; `outcomes` tells. */
  start(output: string, requests: readonly PageRequest[]): void;
  outcomes(): Promise<PageOutcome[]>;
  /** Sends a request to the runner with a server behind it, and tells which of them answered. */
  ask(url: string, output: string, request: PageRequest): Promise<PageOutcome & { where?: string; why?: string }>;
  events(): PageEvent[];
  describe(): Pick<RunnerDescription, 'device' | 'fallbacks' | 'lanes'>;
  health(): RunnerHealth;
  close(): Promise<void>;
}

/** Inputs by name. */
export type PageRequest = Readonly<
  Record<string, { readonly dtype: 'float32' | 'int64'; readonly shape: number[]; readonly data: number[] }>
>;

declare global {
  var recoveryPage: RecoveryPage;
}

let runner: LocalRunner | undefined;
let events: PageEvent[] = [];
let started: Promise<PageOutcome>[] = [];

function opened(): LocalRunner {
  if (runner === undefined) throw new Error('open a runner first');
  return runner;
}

function plain(error: unknown): { code: string; message: string } {
  if (FairleadError.isInstance(error)) return { code: error.code, message: error.message };
  return { code: 'NOT_A_FAIRLEAD_ERROR', message: String(error) };
}

function tensorsOf(request: PageRequest): Tensors {
  return Object.fromEntries(
    Object.entries(request).map(([name, { dtype, shape, data }]) => [
      name,
      dtype === 'int64'
        ? { dtype, shape, data: BigInt64Array.from(data, BigInt) }
        : { dtype, shape, data: Float32Array.from(data) },
    ]),
  );
}

async function outcomeOf(output: string, request: PageRequest): Promise<PageOutcome> {
  try {
    const { outputs } = await opened().run(tensorsOf(request));
    return { values: Array.from((outputs as Tensors)[output]?.data as ArrayLike<number | bigint>, Number) };
  } catch (error) {
    return plain(error);
  }
}

const names = [
  'lane-lost',
  'lane-restart',
  'device-lost',
  'device-recovered',
  'device-fallback',
  'batch-replayed',
  'worker-recycled',
] as const;

globalThis.recoveryPage = {
  async open(model, backend, checkGolden = true) {
    events = [];
    try {
      runner = await createRunner({
        model:
          typeof model === 'string'
            ? model
            : `data:application/octet-stream;base64,${btoa(String.fromCharCode(...model))}`,
        backend: onnx(backend),
        checkGolden,
        on: Object.fromEntries(
          names.map((name) => [
            name,
            ({ error, ...facts }: { error?: unknown }) =>
              void events.push({ name, ...facts, ...(error === undefined ? {} : plain(error)) }),
          ]),
        ),
      });
      return { values: [] };
    } catch (error) {
      return plain(error);
    }
  },
  run: (output, requests) => Promise.all(requests.map((request) => outcomeOf(output, request))),
  async grow(numbers) {
    const x = { dtype: 'float32', shape: [numbers / 4, 4], data: new Float32Array(numbers).fill(1) } as const;
    const shape = { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, -1n) } as const;
    const { outputs } = await opened().run({ x, shape });
    return (outputs as Tensors).y?.data.length ?? 0;
  },
  start(output, requests) {
    started = requests.map((request) => outcomeOf(output, request));
  },
  outcomes: () => Promise.all(started),
  async ask(url, output, request) {
    const both = cascade({
      edge: opened(),
      cloud: () => remote({ url, model: 'digits' }),
      cloudTimeoutMs: 20_000,
    });
    try {
      const { outputs, cascade: trace } = await both.run(tensorsOf(request));
      const [{ where, why } = {}] = trace.rows;
      const values = Array.from((outputs as Tensors)[output]?.data as ArrayLike<number | bigint>, Number);
      return { values, ...(where === undefined ? {} : { where }), ...(why === undefined ? {} : { why }) };
    } catch (error) {
      return plain(error);
    }
  },
  events: () => JSON.parse(JSON.stringify(events)) as PageEvent[],
  describe() {
    const { device, fallbacks, lanes } = opened().describe();
    return { device, fallbacks, lanes };
  },
  health: () => opened().health(),
  async close() {
    await runner?.close();
    runner = undefined;
  },
};
