import { type LanePort, serveLane } from '@fairlead/core/lanes';
import { createBackend } from '../onnx/onnx-lane';
import { onnxLaneModule, tfjsLaneModule } from './lane-modules';

/** What a worker's script needs of its global scope. */
interface WorkerScope {
  readonly name: string;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  addEventListener(type: 'unhandledrejection', listener: (event: PromiseRejectionEvent) => void): void;
}

/*
 * The script of a lane's worker. Vite, unless it is told to write workers as ES modules, puts the runtime into this very
 * script, and then the runtime starts its own threads from it too: such a thread only has to become what the runtime
 * wants it to be. WebGPU runs on one thread, so it is the WebAssembly variant that asks.
 */
const worker = globalThis as unknown as WorkerScope;
if (worker.name.startsWith('em-pthread')) void import('onnxruntime-web/wasm');
else serve(worker);

function serve(scope: WorkerScope): void {
  // Browsers tell a worker's owner of errors, but not of rejections, for which it would wait for ever.
  scope.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    reportError(event.reason);
  });
  const port: LanePort = {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    onMessage: (listener) => scope.addEventListener('message', (event) => listener(event.data)),
  };
  serveLane(port, { importModule });
}

async function importModule(url: string): Promise<unknown> {
  if (url === onnxLaneModule) return { createBackend };
  if (url === tfjsLaneModule) return import('../tfjs/tfjs-lane');
  return import(/* @vite-ignore */ /* webpackIgnore: true */ url);
}
