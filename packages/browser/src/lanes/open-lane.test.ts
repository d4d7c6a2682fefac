import { Worker as NodeWorker } from 'node:worker_threads';
import type { LoadedModel } from '@fairlead/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { onnx } from '../onnx/onnx';
import { openWorkerLane } from './open-lane';

afterEach(() => vi.unstubAllGlobals());

const model: LoadedModel = {
  bytes: new Uint8Array(4),
  digest: '0'.repeat(64),
  name: 'digits',
  version: '1',
  sidecar: async () => undefined,
};
const module = { moduleUrl: 'fairlead:onnxruntime-web', options: {} };

describe('worker lanes', () => {
  it('is offered only where there are Web Workers', () => {
    expect(onnx().laneHost).toBeUndefined();
    vi.stubGlobal('Worker', class extends EventTarget {});
    expect(onnx().laneHost).toMatchObject({ staysInWorker: true });
    // What onnxruntime-web puts there on Node.
    vi.stubGlobal('Worker', NodeWorker);
    expect(onnx().laneHost).toBeUndefined();
  });

  it('says what to do when the browser refuses to start a worker', async () => {
    const refusal = new DOMException('Script at another origin cannot be accessed', 'SecurityError');
    vi.stubGlobal(
      'Worker',
      class {
        constructor() {
          throw refusal;
        }
      },
    );
    await expect(openWorkerLane(module, model, {})).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('worker-src'),
      cause: refusal,
    });
  });

  it('starts a module worker and asks it for the session', async () => {
    const started: { url: URL; options: WorkerOptions; posted: unknown[] }[] = [];
    vi.stubGlobal(
      'Worker',
      class extends EventTarget {
        readonly posted: unknown[] = [];
        constructor(url: URL, options: WorkerOptions) {
          super();
          started.push({ url, options, posted: this.posted });
        }
        postMessage(message: unknown): void {
          this.posted.push(message);
          queueMicrotask(() => this.dispatchEvent(Object.assign(new Event('error'), { message: 'no session today' })));
        }
        terminate(): void {}
      },
    );
    await expect(openWorkerLane(module, model, {})).rejects.toMatchObject({
      code: 'LANE_LOST',
      message: expect.stringContaining('no session today'),
    });
    expect(started).toHaveLength(1);
    expect(started[0]?.url.href).toMatch(/\/lane-worker\.js$/);
    expect(started[0]?.options).toMatchObject({ type: 'module' });
    expect(started[0]?.posted).toEqual([expect.objectContaining({ type: 'open', module })]);
  });
});
