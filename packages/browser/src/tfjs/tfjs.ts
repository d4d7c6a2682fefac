import type { Backend } from '@fairlead/core';
import { hasWebWorkers, webWorkerLanes } from '../lanes/lane-host';
import { tfjsLaneModule } from '../lanes/lane-modules';
import { pageUrl } from '../onnx/options';
import { parseTfjsOptions, type TfjsOptions } from './options';

/**
 * Makes a backend on TensorFlow.js 4.22.0, whose packages are peer dependencies: layers models (of Keras) and graph models
 * (of TensorFlow), on the GPU by WebGPU or WebGL, or on the CPU by WebAssembly or in plain JavaScript. Nothing of the
 * runtime is fetched before a session is created, and then only the packages that it needs. A runner's sessions live in
 * Web Workers, one each, so that the page stays responsive.
 *
 * A model may be given as the URL of its model.json, beside which its weights lie, or of a tar archive of both
 * (`tar -cf digits.tar -C digits .`), as it comes from a registry or a model cache. Its digest covers the weights.
 * `…/digits/model.json` is called `digits`; its version is the first 12 digits of the digest. What travels with it lies
 * beside it: `model.reference.json`, `model.golden.json`, and `model.card.md` or `model.md`.
 *
 * Tensors are float32, int32, bool (one byte an element) or string, for TensorFlow.js has no other: int64, int8 and the
 * like of a TensorFlow graph are int32 here, float64 and float16 are float32. Complex numbers are refused.
 *
 * When it is opened, a model runs once on zeros, where its sizes are known or can be found by trying. Where it shows that
 * a device lacks an operation, the next one is taken. Rows of several callers are joined (`batchAxis` 0) when the first
 * axis of every input and output is open and three rows in come as three rows out. A layers model that keeps state
 * between batches is reset before each run.
 *
 * Importing and calling it is safe on a server; `isSupported()` tells whether it can run.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function tfjs(options: TfjsOptions = {}): Backend {
  const settings = parseTfjsOptions(options);
  return {
    specVersion: 'v1',
    name: 'tensorflow.js',
    // Nothing is fetched for a page that only imports; the pieces follow when a model is loaded.
    async isSupported() {
      const { supportOf } = await import('./tfjs-devices');
      return supportOf(settings);
    },
    async doResolve(reference, call) {
      const { resolveTfjsModel } = await import('./resolve-tfjs-model');
      return resolveTfjsModel(reference, { ...call, base: pageUrl(), maxBytes: settings.maxModelBytes });
    },
    async doCreateSession(model, call) {
      const { createTfjsSession } = await import('./tfjs-session');
      return createTfjsSession({ model, settings, onGpuLost: () => undefined }, call);
    },
    worker: { moduleUrl: tfjsLaneModule, options: settings },
    ...(hasWebWorkers() ? { laneHost: webWorkerLanes } : {}),
  };
}
