import type { Backend, LaneHost } from '@fairlead/core';
import { nodeLaneHost } from '../lanes/node-lane-host';
import { readModelFile } from '../models/model-file';
import { createOnnxSession } from './create-session';
import { type OnnxOptions, type OnnxSettings, parseOnnxOptions } from './options';
import { adoptVerdicts, probeDevice, type Verdict, type Verdicts, verdictKey } from './probe';
import { supportOf } from './support';

/** What a worker needs to make the same backend. */
interface WorkerOptions {
  readonly settings: OnnxSettings;
  /** Devices that the owner tried, so that no worker tries them again. */
  readonly verdicts: Verdicts;
}

/** This module as it is built: dist/onnx-lane.js. All files of the build lie in one folder, the shared chunks too. */
const moduleUrl = new URL('./onnx-lane.js', import.meta.url).href;

/**
 * Makes a backend on onnxruntime-node, a peer dependency that is loaded when it is first used: ONNX models on the CPU, on
 * CUDA or on WebGPU, which comes with the package and needs a Vulkan, Metal or Direct3D 12 driver.
 *
 * A model may be given as a path or a `file:` URL. Its name is the file's without `.onnx`, its version the first 12 digits
 * of its SHA-256. What travels with `digits.onnx` lies beside it: `digits.reference.json`, `digits.golden.json`, and
 * `digits.card.md` or `digits.md`.
 *
 * GPU providers are tried once a process, in a child, before this process touches them. Rows of several callers are
 * joined (`batchAxis` 0) when the first axis of every input and output is symbolic and they agree on its name; where
 * names differ or are missing, a run on three rows of zeros decides when the session is opened.
 *
 * float16 tensors are bits in a Uint16Array; on Node 23 and later, where the runtime has a defect, a self-test finds a
 * way around it when a model with float16 inputs is opened, or says that there is none. int64 is a BigInt64Array, bool
 * one byte an element.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function onnx(options: OnnxOptions = {}): Backend {
  return backendOf(parseOnnxOptions(options));
}

/** What worker lanes call. */
export function createBackend(options: unknown): Backend {
  const { settings, verdicts } = options as WorkerOptions;
  adoptVerdicts(verdicts);
  return backendOf(settings);
}

function backendOf(settings: OnnxSettings): Backend {
  const workerOptions: WorkerOptions = { settings, verdicts: {} };
  return {
    specVersion: 'v1',
    name: 'onnxruntime-node',
    isSupported: () => supportOf(settings),
    doResolve: (reference, options) => readModelFile(reference, { ...options, maxBytes: settings.maxModelBytes }),
    doCreateSession: (model, options) => createOnnxSession(settings, model, options),
    worker: { moduleUrl, options: workerOptions },
    laneHost: probingHost(settings),
  };
}

/** Tries the devices in this thread, once for all lanes, and hands what it found to each worker. */
function probingHost(settings: OnnxSettings): LaneHost {
  return {
    async openLane(module, model, options) {
      const verdicts: Record<string, Verdict> = {};
      for (const device of settings.devices) {
        const verdict = await probeDevice(device, settings.deviceId);
        verdicts[verdictKey(device, settings.deviceId)] = verdict;
        if (verdict.usable) break;
      }
      const workerOptions: WorkerOptions = { settings, verdicts };
      const probed = module.moduleUrl === moduleUrl ? { ...module, options: workerOptions } : module;
      return nodeLaneHost.openLane(probed, model, options);
    },
  };
}
