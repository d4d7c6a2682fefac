import { type TfjsOptions, tfjs } from '@fairlead/browser';
import { createRunner, FairleadError, type LanesOption, type LocalRunner } from '@fairlead/core';
import { fromWire, toWire, type WireTensors } from '../wire';

// The page in which the tests run models of TensorFlow.js: what it answers crosses to them as JSON.

/** An error as the tests see it. */
export interface PageError {
  readonly code: string;
  readonly message: string;
}

/** A runner to make in the page. */
export interface PageRunner {
  readonly model: string;
  readonly backend?: TfjsOptions;
  readonly lanes?: LanesOption;
}

/** What an opened runner tells of itself. */
export interface PageRunnerFacts {
  readonly name: string;
  readonly digest: string;
  readonly device: string;
  readonly lanes: string;
  readonly fallbacks: readonly { readonly from: string; readonly to: string; readonly reason: string }[];
}

/** What the tests call. */
export interface TfjsPage {
  secure: boolean;
  support(options?: TfjsOptions): Promise<unknown>;
  open(options: PageRunner): Promise<PageRunnerFacts | PageError>;
  run(inputs: WireTensors): Promise<WireTensors | PageError>;
  /** Runs the same inputs in so many calls at once. */
  runAtOnce(inputs: WireTensors, calls: number): Promise<readonly (WireTensors | PageError)[]>;
  /** Runs the same inputs so often, one after the other, and counts the runtime's tensors in this page before and after. */
  countTensors(inputs: WireTensors, runs: number): Promise<readonly [before: number, after: number]>;
  /** Makes WebGL of this page keep its numbers in 16 bits, as that of some phones does. */
  useHalfFloats(): Promise<void>;
  /** Takes the GPU from the runtime of this page. */
  loseGpu(device: 'webgpu' | 'webgl'): Promise<void>;
  /** How many lanes were lost, and how many came back. */
  lanes(): { readonly lost: readonly PageError[]; readonly restarted: number };
  close(): Promise<void>;
}

declare global {
  var tfjsPage: TfjsPage;
}

let runner: LocalRunner | undefined;
let lost: PageError[] = [];
let restarted = 0;

function plain(error: unknown): PageError {
  if (FairleadError.isInstance(error)) return { code: error.code, message: error.message };
  return { code: 'NOT_A_FAIRLEAD_ERROR', message: String(error) };
}

function opened(): LocalRunner {
  if (runner === undefined) throw new Error('open a runner first');
  return runner;
}

async function run(inputs: WireTensors): Promise<WireTensors | PageError> {
  try {
    return toWire((await opened().run(fromWire(inputs))).outputs);
  } catch (error) {
    return plain(error);
  }
}

globalThis.tfjsPage = {
  secure: globalThis.isSecureContext,
  support: (options) => tfjs(options).isSupported(),
  async open({ model, backend, lanes }) {
    lost = [];
    restarted = 0;
    const fallbacks: { from: string; to: string; reason: string }[] = [];
    try {
      runner = await createRunner({
        model,
        backend: tfjs(backend),
        ...(lanes === undefined ? {} : { lanes }),
        on: {
          'device-fallback': ({ from, to, reason }) => void fallbacks.push({ from, to, reason }),
          'lane-lost': ({ error }) => void lost.push(plain(error)),
          'lane-restart': () => void restarted++,
        },
      });
    } catch (error) {
      return plain(error);
    }
    const { device, lanes: given } = runner.describe();
    const { name, digest } = runner.model;
    return { name, digest, device, lanes: given.slots.map((slot) => slot.name).join(', '), fallbacks };
  },
  run,
  runAtOnce: (inputs, calls) => Promise.all(Array.from({ length: calls }, () => run(inputs))),
  async countTensors(inputs, runs) {
    const { memory } = await import('@tensorflow/tfjs-core');
    await run(inputs); // Constants that the runtime makes once.
    const before = memory().numTensors;
    for (let index = 0; index < runs; index++) await run(inputs);
    return [before, memory().numTensors];
  },
  async useHalfFloats() {
    const { env } = await import('@tensorflow/tfjs-core');
    await import('@tensorflow/tfjs-backend-webgl');
    env().set('WEBGL_FORCE_F16_TEXTURES', true);
  },
  async loseGpu(device) {
    const { findBackend } = await import('@tensorflow/tfjs-core');
    const backend = findBackend(device) as unknown as {
      readonly device: GPUDevice;
      readonly gpgpu: { readonly gl: WebGL2RenderingContext };
    };
    if (device === 'webgpu') backend.device.destroy();
    else backend.gpgpu.gl.getExtension('WEBGL_lose_context')?.loseContext();
  },
  lanes: () => ({ lost, restarted }),
  async close() {
    await runner?.close();
    runner = undefined;
  },
};
