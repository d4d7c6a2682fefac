import type { Backend, Support } from '@fairlead/core';
import { resolveModel } from '../model/resolve-model';
import { probeDevice } from './devices';
import { type OnnxOptions, type OnnxSettings, pageUrl, parseOnnxOptions } from './options';

/**
 * Makes a backend on onnxruntime-web 1.30.0, a peer dependency: ONNX models on the GPU by WebGPU or on the CPU by
 * WebAssembly. Neither variant of the runtime is fetched before a session is created, and then only the one that runs.
 *
 * A model may be given as a URL, absolute or relative to the page. What travels with `digits.onnx` is looked for beside
 * it as `digits.reference.json`, `digits.golden.json` and `digits.md`.
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
    doResolve: (reference, call) =>
      resolveModel(reference, { ...call, base: pageUrl(), maxBytes: settings.maxModelBytes }),
    async doCreateSession(model, call) {
      const { createSession } = await import('./create-session');
      return createSession(settings, model, call);
    },
  };
}

async function supportOf(settings: OnnxSettings): Promise<Support> {
  const devices: string[] = [];
  const reasons: string[] = [];
  for (const device of settings.devices) {
    const probe = await probeDevice(device, settings);
    if (probe.available) devices.push(device);
    else reasons.push(`${device}: ${probe.reason}`);
  }
  return devices.length > 0 ? { supported: true, devices } : { supported: false, reason: reasons.join('; ') };
}
