import { type OnnxOptions, onnx } from '@fairlead/browser';
import { createRunner, FairleadError, type LanesOption, type LocalRunner } from '@fairlead/core';

// The page that the tests drive: what it answers crosses to them as JSON.

/** A runner to make in the page. */
export interface PageRunner {
  readonly model: string;
  readonly backend?: OnnxOptions;
  readonly lanes?: LanesOption;
}

/** An error as the tests see it. */
export interface PageError {
  readonly code: string;
  readonly message: string;
}

/** What an opened runner tells of itself. */
export interface PageRunnerFacts {
  readonly device: string;
  readonly lanes: string;
  readonly digest: string;
  readonly fallbacks: readonly { readonly from: string; readonly to: string; readonly reason: string }[];
}

/** What came of running rows. */
export interface PageAnswer {
  readonly labels: number[];
  readonly probabilities: number[];
}

/** What the tests call. */
export interface Page {
  isolated: boolean;
  secure: boolean;
  support(options?: OnnxOptions): Promise<unknown>;
  open(options: PageRunner): Promise<PageRunnerFacts | PageError>;
  run(pixels: number[]): Promise<PageAnswer>;
  /** Runs each row in a call of its own, all at once. */
  runEach(pixels: number[], rowElements: number): Promise<PageAnswer>;
  /** Sends bits through a model that answers `y` = `x`, float16, and gives back what came. */
  echoFloat16(model: string, bits: number[]): Promise<{ readonly array: string; readonly bits: number[] }>;
  /** Errors of lanes that were lost so far, and how many came back. */
  lanes(): { readonly lost: PageError[]; readonly restarted: number };
  close(): Promise<void>;
}

declare global {
  var page: Page;
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

async function run(pixels: Float32Array): Promise<PageAnswer> {
  const { outputs } = await opened().run({ pixels });
  const { label, probabilities } = outputs as unknown as {
    label: { data: BigInt64Array };
    probabilities: { data: Float32Array };
  };
  return { labels: Array.from(label.data, Number), probabilities: Array.from(probabilities.data) };
}

globalThis.page = {
  isolated: globalThis.crossOriginIsolated,
  secure: globalThis.isSecureContext,
  support: (options) => onnx(options).isSupported(),
  async open({ model, backend, lanes }) {
    lost = [];
    restarted = 0;
    const fallbacks: { from: string; to: string; reason: string }[] = [];
    let device = '';
    try {
      runner = await createRunner({
        model,
        backend: onnx(backend),
        ...(lanes === undefined ? {} : { lanes }),
        on: {
          'device-fallback': ({ from, to, reason }) => void fallbacks.push({ from, to, reason }),
          'model-ready': (event) => {
            device = event.device;
          },
          'lane-lost': ({ error }) => void lost.push(plain(error)),
          'lane-restart': () => void restarted++,
        },
      });
    } catch (error) {
      return plain(error);
    }
    return {
      device,
      lanes: runner
        .describe()
        .lanes.slots.map(({ name }) => name)
        .join(', '),
      digest: runner.model.digest,
      fallbacks,
    };
  },
  run: (pixels) => run(Float32Array.from(pixels)),
  async runEach(pixels, rowElements) {
    const rows: Promise<PageAnswer>[] = [];
    for (let start = 0; start < pixels.length; start += rowElements) {
      rows.push(run(Float32Array.from(pixels.slice(start, start + rowElements))));
    }
    const answers = await Promise.all(rows);
    return {
      labels: answers.flatMap(({ labels }) => labels),
      probabilities: answers.flatMap(({ probabilities }) => probabilities),
    };
  },
  async echoFloat16(model, bits) {
    const echo = await createRunner({ model, backend: onnx({ device: 'wasm' }), lanes: 'inline' });
    try {
      const x = { dtype: 'float16', shape: [bits.length], data: Uint16Array.from(bits) } as const;
      const { y } = (await echo.run({ x })).outputs;
      if (y === undefined) throw new Error('no output y');
      return { array: y.data.constructor.name, bits: Array.from(y.data as Uint16Array) };
    } finally {
      await echo.close();
    }
  },
  lanes: () => ({ lost, restarted }),
  async close() {
    await runner?.close();
    runner = undefined;
  },
};
