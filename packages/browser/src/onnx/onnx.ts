import type { Backend, LaneHost } from '@fairlead/core';
import { hasWebWorkers } from '../lanes/has-web-workers';
import { onnxLaneModule } from '../lanes/lane-modules';
import { recoveringLanes } from '../recovery/recovering-lanes';
import { type OnnxOptions, type OnnxSettings, pageUrl, parseOnnxOptions } from './options';
import { supportOf } from './support';

/**
 * Makes a backend on onnxruntime-web 1.30.0, a peer dependency: ONNX models on the GPU by WebGPU or on the CPU by
 * WebAssembly. Neither variant of the runtime is fetched before a session is created, and then only the one that runs.
 * A runner's sessions live in Web Workers, one each, so that the page stays responsive.
 *
 * A model may be given as a URL, absolute or relative to the page. What travels with `digits.onnx` is looked for beside
 * it as `digits.reference.json`, `digits.golden.json` and `digits.card.md` or `digits.md`.
 *
 * Importing and calling it is safe on a server; `isSupported()` tells whether it can run.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function onnx(options: OnnxOptions = {}): Backend {
  const settings = parseOnnxOptions(options);
  return {
    specVersion: 'v1',
    name: 'onnxruntime-web',
    isSupported: () => supportOf(settings),
    // Nothing is fetched for a page that only imports; the pieces follow when a model is loaded.
    async doResolve(reference, call) {
      const { resolveModel } = await import('../model/resolve-model');
      return resolveModel(reference, { ...call, base: pageUrl(), maxBytes: settings.maxModelBytes });
    },
    async doCreateSession(model, call) {
      const { createSession } = await import('./create-session');
      return createSession({ model, settings, place: 'inline' }, call);
    },
    worker: { moduleUrl: onnxLaneModule, options: settings },
    ...(hasWebWorkers() ? { laneHost: lanesOver(settings) } : {}),
  };
}

function lanesOver(settings: OnnxSettings): LaneHost {
  const optionsFor = (devices: readonly string[]) => ({ ...settings, devices });
  return recoveringLanes({ devices: settings.devices, optionsFor, settings: settings.recovery });
}
