import { FairleadError, type LaneHost, type RunnerEventMap, type RunnerOptions, type Tensors } from '@fairlead/core';
import { createMockBackend, type MockBackend } from '../../../core/src/testing/mock-backend';
import { type Bench, openBench } from '../../../core/src/testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../../../core/src/testing/virtual-clock';
import { createDeviceBreaker, type DeviceBreaker } from './device-breaker';
import { type RecoveryOptions, recoverySettings } from './options';
import { openRecoveringLane } from './recovering-lane';
import type { OpenWorkerLane } from './worker-lane';

/** A worker that does what a test says. */
export interface FakeWorker {
  /** The devices that it was asked to try, and the one that it took. */
  readonly tried: readonly string[];
  readonly device: string;
  readonly backend: MockBackend;
  readonly alive: boolean;
  /** Bytes that it says it takes. */
  memoryBytes: number;
  /** From now on, runs do not end. */
  hang(): void;
  /** From now on, every run fails. */
  breakDown(message: string): void;
  /** Ends it. */
  kill(error?: FairleadError): void;
}

/** What the workers of a test do. */
export interface FakeScript {
  /** Milliseconds that opening takes. @default 0 */
  readonly openMs?: number;
  /** Milliseconds that a batch takes. @default 10 */
  readonly runMs?: number;
  /** Why a device cannot be had; `opened` counts the workers before. */
  readonly refuse?: (device: string, opened: number) => string | undefined;
  /** What opening a worker on some devices throws; `'hang'` never ends. */
  readonly failOpen?: (tried: readonly string[], opened: number) => FairleadError | 'hang' | undefined;
  /** Called with each worker when it is open. */
  readonly onOpened?: (worker: FakeWorker, opened: number, clock: VirtualClock) => void;
  /** Rows whose first number it is fail. */
  readonly badNumber?: number;
}

/** Workers that were opened, in order, and what opens them. */
export interface FakeWorkers {
  readonly workers: FakeWorker[];
  readonly openWorker: OpenWorkerLane;
}

/** Makes workers that double their inputs. */
export function createFakeWorkers(clock: VirtualClock, script: FakeScript = {}): FakeWorkers {
  const { openMs = 0, runMs = 10, refuse, failOpen, badNumber } = script;
  const workers: FakeWorker[] = [];
  let opened = 0;

  const openWorker: OpenWorkerLane = async (module, model, options) => {
    const tried = module.options as readonly string[];
    const number = opened++;
    const failure = failOpen?.(tried, number);
    if (failure === 'hang') {
      return new Promise((_resolve, reject) => {
        const leave = () => reject(new FairleadError('ABORTED', 'Opening the lane was aborted.'));
        options.signal?.addEventListener('abort', leave);
      });
    }
    if (failure !== undefined) throw failure;
    const fallbacks: { from: string; to: string; reason: string }[] = [];
    const device = tried.find((candidate) => {
      const reason = refuse?.(candidate, number);
      if (reason !== undefined) fallbacks.push({ from: candidate, to: '', reason });
      return reason === undefined;
    });
    if (device === undefined) throw new FairleadError('BACKEND_UNAVAILABLE', `no device of ${tried.join(', ')}`);
    let hangs = false;
    let broken: string | undefined;
    const compute = (inputs: Tensors): Tensors | Promise<Tensors> => {
      if (hangs) return new Promise(() => {});
      if (broken !== undefined) throw new FairleadError('RUN_FAILED', broken);
      const { x } = inputs as { x: { dtype: 'float32'; shape: number[]; data: Float32Array } };
      if (badNumber !== undefined && x.data.includes(badNumber)) throw new FairleadError('RUN_FAILED', 'a bad row');
      return { y: { dtype: 'float32', shape: x.shape, data: x.data.map((value) => value * 2) } };
    };
    const backend = createMockBackend({
      clock,
      workers: true,
      device,
      fallbacks: fallbacks.map((fallback) => ({ ...fallback, to: device })),
      openMs,
      latencyMs: () => runMs,
      compute,
      laneMemoryBytes: () => worker.memoryBytes,
    });
    const worker: FakeWorker = {
      tried,
      device,
      backend,
      get alive() {
        return backend.lanes[0]?.alive === true;
      },
      memoryBytes: 1000,
      hang() {
        hangs = true;
      },
      breakDown(message) {
        broken = message;
      },
      kill: (error) => backend.lanes[0]?.kill(error),
    };
    const session = await (backend.laneHost as LaneHost).openLane(module, model, options);
    workers.push(worker);
    script.onOpened?.(worker, number, clock);
    return { session, kill: worker.kill };
  };
  return { workers, openWorker };
}

/** A runner over fake workers. */
export interface RecoveryBench extends Bench {
  readonly workers: FakeWorker[];
  readonly breaker: DeviceBreaker;
  /** What the runner told, as short lines. */
  readonly told: string[];
}

/** What a bench is made with. */
export interface RecoveryBenchOptions extends FakeScript {
  readonly devices?: readonly string[];
  readonly recovery?: RecoveryOptions;
  readonly laneMemoryMb?: number;
  readonly clock?: VirtualClock;
  readonly breaker?: DeviceBreaker;
  readonly runner?: Partial<RunnerOptions>;
}

/** Opens a runner with one lane that recovers, on `webgpu` with `wasm` behind it unless other devices are given. */
export async function openRecoveryBench(options: RecoveryBenchOptions = {}): Promise<RecoveryBench> {
  const { devices = ['webgpu', 'wasm'], clock = createVirtualClock() } = options;
  const breaker = options.breaker ?? createDeviceBreaker(clock);
  const { workers, openWorker } = createFakeWorkers(clock, options);
  const settings = recoverySettings(options.recovery, options.laneMemoryMb);
  const moduleFor = (some: readonly string[]) => ({ moduleUrl: 'mock:backend', options: some });
  const laneHost: LaneHost = {
    staysInWorker: true,
    openLane: (_module, model, call) =>
      openRecoveringLane({ model, devices, moduleFor, openWorker, settings, breaker, clock }, call),
  };
  const told: string[] = [];
  const line =
    <K extends keyof RunnerEventMap>(name: K, write: (event: RunnerEventMap[K]) => string) =>
    (event: RunnerEventMap[K]) =>
      void told.push(`${name} ${write(event)}`);
  const bench = await openBench(
    { laneHost },
    {
      batching: { maxBatchRows: 2 },
      ...options.runner,
      on: {
        'device-lost': line('device-lost', ({ device, reason, batches }) => `${device} ${reason} ${batches}`),
        'device-recovered': line('device-recovered', ({ device, from, downMs }) => `${from} ${device} ${downMs}`),
        'device-fallback': line('device-fallback', ({ from, to }) => `${from} ${to}`),
        'batch-replayed': line('batch-replayed', ({ device, replay }) => `${device} ${replay}`),
        'worker-recycled': line('worker-recycled', ({ device, memoryBytes }) => `${device} ${memoryBytes}`),
      },
    },
    clock,
  );
  return { ...bench, workers, breaker, told };
}
