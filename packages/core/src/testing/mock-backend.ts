import type { Backend, DeviceFallback, LaneHost, Session } from '../backend';
import type { Clock } from '../clock';
import { FairleadError } from '../errors';
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
}

/** What a mock backend does. */
export interface MockBackendOptions {
  /** @default one float32 input `x` ['batch', 2] and one float32 output `y` ['batch', 2] */
  readonly signature?: ModelSignature;
  /** Computes the outputs. @default every output row is its input row times two */
  readonly compute?: (inputs: Tensors, rows: number, model: LoadedModel) => Tensors | Promise<Tensors>;
  /** Milliseconds of the clock that a batch of `rows` takes; needs `clock`. @default 0 */
  readonly latencyMs?: (rows: number) => number;
  readonly clock?: Clock;
  /** Calls in flight at once. @default 1 */
  readonly concurrency?: number;
  /** Makes `doCreateSession` fail. */
  readonly failCreate?: (model: LoadedModel) => unknown;
  readonly device?: string;
  readonly fallbacks?: readonly DeviceFallback[];
  readonly laneHost?: LaneHost;
  /** Name of the backend. @default 'mock' */
  readonly name?: string;
}

/** A scripted backend that records its calls. */
export interface MockBackend extends Backend {
  readonly calls: readonly MockCall[];
  /** Sessions that are open now. */
  readonly openSessions: number;
  /** Most `doRun` calls that one session ever had in flight. */
  readonly mostInFlight: number;
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
  const { signature = defaultSignature, compute = double, latencyMs, clock, concurrency = 1 } = options;
  const calls: MockCall[] = [];
  const failures: unknown[] = [];
  let openSessions = 0;
  let mostInFlight = 0;
  let created = 0;

  const createSession = (model: LoadedModel): Session => {
    const session = created++;
    let inFlight = 0;
    let closed = false;
    openSessions++;
    const release = closeable(() => {
      closed = true;
      openSessions--;
    });
    return {
      ...signature,
      ...release,
      device: options.device ?? 'cpu',
      fallbacks: options.fallbacks ?? [],
      concurrency,
      async doRun(inputs, _options) {
        if (closed) throw new FairleadError('CLOSED', 'The mock session was closed.');
        const first = signature.inputs[0];
        const rows = signature.batchAxis === null || first === undefined ? 1 : (inputs[first.name]?.shape[0] ?? 0);
        calls.push({ inputs: copyTensors(inputs), rows, at: clock?.now() ?? 0, session });
        inFlight++;
        mostInFlight = Math.max(mostInFlight, inFlight);
        try {
          if (failures.length > 0) throw failures.shift();
          const delay = latencyMs?.(rows) ?? 0;
          if (delay > 0 && clock !== undefined) {
            await new Promise<void>((resolve) => void clock.setTimer(resolve, delay));
          }
          return await compute(inputs, rows, model);
        } finally {
          inFlight--;
        }
      },
    };
  };

  return {
    specVersion: 'v1',
    name: options.name ?? 'mock',
    calls,
    get openSessions() {
      return openSessions;
    },
    get mostInFlight() {
      return mostInFlight;
    },
    failNext: (...errors) => void failures.push(...errors),
    isSupported: async () => ({ supported: true, devices: [options.device ?? 'cpu'] }),
    doResolve: async (reference) => mockModel(reference),
    async doCreateSession(model: LoadedModel, _options: CallOptions) {
      const failure = options.failCreate?.(model);
      if (failure !== undefined) throw failure;
      return createSession(model);
    },
    ...(options.laneHost === undefined
      ? {}
      : { laneHost: options.laneHost, worker: { moduleUrl: 'mock:backend', options: undefined } }),
  };
}
