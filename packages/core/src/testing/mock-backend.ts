import type { Backend, DeviceFallback, LaneHost, Session, Threading } from '../backend';
import type { Clock } from '../clock';
import { FairleadError, throwIfAborted } from '../errors';
import { type CallOptions, closeable } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';

/** One call of `doRun` that a mock session recorded. */
export interface MockCall {
  /** Copies of the inputs as they were when the call was made. */
  readonly inputs: Tensors;
  /** Rows along the batch axis; 1 where there is none. */
  readonly rows: number;
  /** `clock.now()` at the call. */
  readonly at: number;
  /** Number of the session that was called, from 0. */
  readonly session: number;
  /** Threads of that session; undefined without `threading`. */
  readonly threads: number | undefined;
}

/** What a mock backend does. */
export interface MockBackendOptions {
  /** @default one float32 input `x` ['batch', 2] and one float32 output `y` ['batch', 2] */
  readonly signature?: ModelSignature;
  /** Computes the outputs. @default every output row is its input row times two */
  readonly compute?: (inputs: Tensors, rows: number, model: LoadedModel) => Tensors | Promise<Tensors>;
  /**
   * Milliseconds of the clock that a batch of `rows` takes on a session of so many threads; needs `clock`. `threads` is
   * 1 without `threading`. @default 0
   */
  readonly latencyMs?: (rows: number, threads: number) => number;
  readonly clock?: Clock;
  /** Calls in flight at once. @default 1 */
  readonly concurrency?: number;
  /** Makes `doCreateSession` fail. */
  readonly failCreate?: (model: LoadedModel) => unknown;
  readonly device?: string;
  readonly fallbacks?: readonly DeviceFallback[];
  /** Milliseconds of the clock that opening a session takes; needs `clock`. @default 0 */
  readonly openMs?: number;
  /**
   * Whether the backend has worker lanes: sessions in pretend workers, which {@link MockBackend.lanes} can kill.
   * @default false
   */
  readonly workers?: boolean;
  /** Makes a worker lane fail to open; `opened` counts the tries before it, from 0. */
  readonly failLane?: (model: LoadedModel, opened: number) => unknown;
  /** Bytes that each pretend worker says it takes, when it is asked. @default it cannot tell */
  readonly laneMemoryBytes?: () => number;
  /** A lane host of your own; `workers` then counts for nothing. */
  readonly laneHost?: LaneHost;
  /**
   * The cores that it says there are. Its sessions have as many threads, until a runner chooses; `threads` fixes them.
   * @default a backend without `threading`
   */
  readonly threading?: { readonly cores: number; readonly threads?: number };
  /** Name of the backend. @default 'mock' */
  readonly name?: string;
}

/** The pretend worker of a lane. */
export interface MockLane {
  readonly model: LoadedModel;
  /** Threads of its session; undefined without `threading`. */
  readonly threads: number | undefined;
  /** Whether it was neither closed nor killed. */
  readonly alive: boolean;
  /** Lets the worker die: what is in flight there fails with `LANE_LOST`, then the lane's owner is told. */
  kill(cause?: unknown): void;
}

/** A scripted backend that records its calls. */
export interface MockBackend extends Backend {
  readonly calls: readonly MockCall[];
  /** Sessions that are open now. */
  readonly openSessions: number;
  /** Most `doRun` calls that one session ever had in flight. */
  readonly mostInFlight: number;
  /** Sessions that were closed while they computed: 0 with an owner that drains. */
  readonly closedInFlight: number;
  /** The worker lanes that were opened, in order; empty without `workers`. */
  readonly lanes: readonly MockLane[];
  /** Makes the next calls of `doRun` throw this, one each. */
  failNext(...errors: unknown[]): void;
}

const defaultSignature: ModelSignature = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
  batchAxis: 0,
};

function double(inputs: Tensors): Tensors {
  const x = inputs.x as Tensor<'float32'>;
  return { y: { dtype: 'float32', shape: x.shape, data: x.data.map((value) => value * 2) } };
}

function copyTensors(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      { dtype: tensor.dtype, shape: [...tensor.shape], data: tensor.data.slice() } as Tensor,
    ]),
  );
}

/** Makes a model for a mock backend: bytes without a meaning. */
export function mockModel(version = '1', sidecars: Readonly<Record<string, Uint8Array>> = {}): LoadedModel {
  return {
    bytes: new TextEncoder().encode(`mock model ${version}`),
    digest: `${version}`.padStart(64, '0'),
    name: 'mock',
    version,
    sidecar: async (name) => sidecars[name],
  };
}

/** Makes a backend that does what the test says. A model reference is taken as a version: `createRunner({ model: '1' })`. */
export function createMockBackend(options: MockBackendOptions = {}): MockBackend {
  const { signature = defaultSignature, compute: computeRows = double, latencyMs, clock, concurrency = 1 } = options;
  const calls: MockCall[] = [];
  const failures: unknown[] = [];
  const lanes: MockLane[] = [];
  let openSessions = 0;
  let mostInFlight = 0;
  let closedInFlight = 0;
  let created = 0;
  let lanesTried = 0;

  const pause = async (ms: number): Promise<void> => {
    if (ms > 0 && clock !== undefined) await new Promise<void>((resolve) => void clock.setTimer(resolve, ms));
  };

  const createSession = (
    model: LoadedModel,
    threads: number | undefined,
  ): { session: Session; die: (error: unknown) => boolean } => {
    const number = created++;
    const casualties = new Set<(error: unknown) => void>();
    let state: 'open' | 'closed' | 'dead' = 'open';
    openSessions++;
    const leave = (next: 'closed' | 'dead'): boolean => {
      if (state !== 'open') return false;
      state = next;
      openSessions--;
      return true;
    };
    const compute = async (inputs: Tensors, rows: number): Promise<Tensors> => {
      if (failures.length > 0) throw failures.shift();
      await pause(latencyMs?.(rows, threads ?? 1) ?? 0);
      return computeRows(inputs, rows, model);
    };
    const session: Session = {
      ...signature,
      ...closeable(() => {
        if (leave('closed') && casualties.size > 0) closedInFlight++;
      }),
      device: options.device ?? 'cpu',
      fallbacks: options.fallbacks ?? [],
      concurrency,
      async doRun(inputs, _options) {
        if (state === 'dead') throw new FairleadError('LANE_LOST', 'The mock worker had died.');
        if (state === 'closed') throw new FairleadError('CLOSED', 'The mock session was closed.');
        const first = signature.inputs[0];
        const rows = signature.batchAxis === null || first === undefined ? 1 : (inputs[first.name]?.shape[0] ?? 0);
        calls.push({ inputs: copyTensors(inputs), rows, at: clock?.now() ?? 0, session: number, threads });
        let fail: ((error: unknown) => void) | undefined;
        const death = new Promise<never>((_resolve, reject) => {
          fail = reject;
          casualties.add(reject);
        });
        mostInFlight = Math.max(mostInFlight, casualties.size);
        try {
          return await Promise.race([compute(inputs, rows), death]);
        } finally {
          if (fail !== undefined) casualties.delete(fail);
        }
      },
    };
    const die = (error: unknown): boolean => {
      if (!leave('dead')) return false;
      for (const fail of casualties) fail(error);
      return true;
    };
    return { session, die };
  };

  const openLane: LaneHost['openLane'] = async ({ options: threads }, model, { onLost, signal }) => {
    const failure = options.failLane?.(model, lanesTried++);
    await pause(options.openMs ?? 0);
    throwIfAborted(signal, 'Opening the lane');
    if (failure !== undefined) throw failure;
    const { session, die } = createSession(model, threads as number | undefined);
    let alive = true;
    const close = (): Promise<void> => {
      alive = false;
      return session.close();
    };
    lanes.push({
      model,
      threads: threads as number | undefined,
      get alive() {
        return alive;
      },
      kill(cause) {
        const details = FairleadError.isInstance(cause) ? cause.details : {};
        const error = new FairleadError('LANE_LOST', 'The mock worker died.', { cause, details });
        alive = false;
        if (die(error)) onLost?.(error);
      },
    });
    const { laneMemoryBytes } = options;
    const doMeasure = async () => {
      if (!alive) throw new FairleadError('LANE_LOST', 'The mock worker had died.');
      return { memoryBytes: laneMemoryBytes?.() ?? 0 };
    };
    return {
      ...session,
      ...(laneMemoryBytes === undefined ? {} : { doMeasure }),
      close,
      [Symbol.asyncDispose]: close,
    };
  };

  const laneHost = options.laneHost ?? (options.workers ? { openLane } : undefined);
  const backendWith = (threads: number | undefined): Backend => ({
    specVersion: 'v1',
    name: options.name ?? 'mock',
    isSupported: async () => ({ supported: true, devices: [options.device ?? 'cpu'] }),
    doResolve: async (reference) => mockModel(reference),
    async doCreateSession(model: LoadedModel, { signal }: CallOptions) {
      await pause(options.openMs ?? 0);
      throwIfAborted(signal, 'Opening the session');
      const failure = options.failCreate?.(model);
      if (failure !== undefined) throw failure;
      return createSession(model, threads).session;
    },
    // The pretend worker is told its threads as a real one is: by the options of its module.
    ...(laneHost === undefined ? {} : { laneHost, worker: { moduleUrl: 'mock:backend', options: threads } }),
    ...(threads === undefined ? {} : { threading: threadingWith(threads) }),
  });
  const { cores = 1, threads: fixed } = options.threading ?? {};
  const threadingWith = (threads: number): Threading => ({
    cores,
    threads,
    ...(fixed === undefined ? { withThreads: backendWith } : {}),
  });
  return {
    ...backendWith(options.threading === undefined ? undefined : (fixed ?? cores)),
    calls,
    lanes,
    get openSessions() {
      return openSessions;
    },
    get mostInFlight() {
      return mostInFlight;
    },
    get closedInFlight() {
      return closedInFlight;
    },
    failNext: (...errors) => void failures.push(...errors),
  };
}
