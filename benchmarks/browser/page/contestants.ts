import { onnx } from '@fairlead/browser';
import { createRunner } from '@fairlead/core';

/** A model as the contestants take it: float32 `x` ['batch', ...shape] → float32 `y`. */
export interface PageModel {
  /** URL of the ONNX file, relative to the page. */
  readonly url: string;
  /** Shape of one row. */
  readonly shape: readonly number[];
}

/** Who runs the model: the runner in either place, or what one writes without it. */
export type ContestantName =
  | 'runner in a worker'
  | 'runner inline'
  | 'bare worker'
  | 'bare inline'
  | 'onnxruntime-web proxy';

/** A model that is open. */
export interface Contestant {
  /** Runs one batch, whose rows lie in `data`; the array is the caller's, and stays as it is. */
  run(data: Float32Array, rows: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Options of {@link openContestant}. */
export interface ContestantOptions {
  /** Of the runner. @default 64 */
  readonly maxBatchRows?: number;
  /** The ONNX file, for the bare ones, which take it over. @default what is fetched */
  readonly bytes?: ArrayBuffer;
}

/** Opens a model, with one thread of WebAssembly whoever it is. */
export function openContestant(
  name: ContestantName,
  model: PageModel,
  options: ContestantOptions = {},
): Promise<Contestant> {
  switch (name) {
    case 'runner in a worker':
      return openRunner(model, 1, options.maxBatchRows);
    case 'runner inline':
      return openRunner(model, 'inline', options.maxBatchRows);
    case 'bare worker':
      return openBareWorker(model, options.bytes);
    case 'bare inline':
      return openBareInline(model, options.bytes);
    case 'onnxruntime-web proxy':
      return openProxy(model);
  }
}

async function openRunner({ url, shape }: PageModel, lanes: 1 | 'inline', maxBatchRows = 64): Promise<Contestant> {
  const runner = await createRunner({
    model: url,
    backend: onnx({ device: 'wasm', threads: 1 }),
    lanes,
    batching: { maxBatchRows },
  });
  return {
    async run(data, rows) {
      const { outputs } = await runner.run({ x: { dtype: 'float32', shape: [rows, ...shape], data } });
      return outputs.y?.data as Float32Array;
    },
    close: () => runner.close(),
  };
}

/** What goes to the worker of one's own: the bytes of a model, or a batch. */
export type ToBareWorker =
  | { readonly id: number; readonly model: ArrayBuffer }
  | { readonly id: number; readonly data: Float32Array; readonly dims: readonly number[] };

/** What comes back. */
export type FromBareWorker = { readonly id: number; readonly data?: Float32Array; readonly error?: string };

/** A worker as one writes it by hand: arrays are transferred, answers told apart by a number. */
async function openBareWorker({ url, shape }: PageModel, bytes?: ArrayBuffer): Promise<Contestant> {
  const worker = new Worker(new URL('./bare-worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve(data: Float32Array): void; reject(error: Error): void }>();
  let next = 0;
  worker.addEventListener('message', ({ data: { id, data, error } }: MessageEvent<FromBareWorker>) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error !== undefined) waiter?.reject(new Error(error));
    else waiter?.resolve(data as Float32Array);
  });
  const ask = (message: ToBareWorker, transfer: ArrayBuffer): Promise<Float32Array> =>
    new Promise((resolve, reject) => {
      waiting.set(message.id, { resolve, reject });
      worker.postMessage(message, [transfer]);
    });
  const model = bytes ?? (await bytesOf(url));
  await ask({ id: next++, model }, model);
  return {
    run(data, rows) {
      // A transfer takes the array away from its owner, who needs it again.
      const copy = data.slice();
      return ask({ id: next++, data: copy, dims: [rows, ...shape] }, copy.buffer);
    },
    async close() {
      worker.terminate();
    },
  };
}

async function openBareInline({ url, shape }: PageModel, bytes?: ArrayBuffer): Promise<Contestant> {
  const ort = await import('onnxruntime-web/wasm');
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(bytes ?? (await bytesOf(url)), { executionProviders: ['wasm'] });
  return {
    async run(data, rows) {
      const { y } = await session.run({ x: new ort.Tensor('float32', data, [rows, ...shape]) });
      return y?.data as Float32Array;
    },
    close: () => session.release(),
  };
}

/** What the frame with the runtime's own proxy offers. */
interface ProxyFrame extends Window {
  openProxy(model: string, shape: readonly number[]): Promise<Contestant>;
}

/** The runtime's own way off the main thread. A realm has one setting of it, so it lives in a frame beside. */
async function openProxy({ url, shape }: PageModel): Promise<Contestant> {
  const frame = document.createElement('iframe');
  frame.src = '/proxy.html';
  await new Promise((resolve, reject) => {
    frame.addEventListener('load', resolve);
    frame.addEventListener('error', reject);
    document.body.append(frame);
  });
  const { openProxy } = frame.contentWindow as ProxyFrame;
  const contestant = await openProxy(new URL(url, location.href).href, shape);
  return {
    run: contestant.run,
    async close() {
      await contestant.close();
      frame.remove();
    },
  };
}

async function bytesOf(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.arrayBuffer();
}
