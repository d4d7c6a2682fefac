import { modelBytes, modelDigest, modelUrl } from 'virtual:digits';
import { onnx } from '@fairlead/browser';
import { cachedModel, type ProgressEvent } from '@fairlead/browser/model-cache';
import { createRunner, type LocalRunner } from '@fairlead/core';
import { parseReference, type Reference } from '@fairlead/core/monitoring';

/** Why a device is not the one that was wanted first. */
export interface Fallback {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** How the model came into the page. */
export type Origin = 'network' | 'cache' | 'memory';

/** The model, ready to answer. */
export interface OpenedModel {
  readonly runner: LocalRunner;
  /** How the training rows were distributed, pixel by pixel. */
  readonly reference: Reference;
  readonly device: string;
  readonly fallbacks: readonly Fallback[];
  /** `memory`: it came from the network and could not be kept. */
  readonly origin: Origin;
  readonly bytes: number;
  readonly loadMs: number;
}

/** What is told while the model is opened, and after. */
export interface ModelListeners {
  readonly progress: (event: ProgressEvent) => void;
  /** The file is here, and the runtime starts. */
  readonly fetched: () => void;
  /** A worker was lost, or is back. */
  readonly worker: (state: 'lost' | 'back') => void;
}

/**
 * Opens the model: fetched once and kept in the browser, checked against its digest, computed in a worker on the GPU or,
 * where there is none, on the CPU.
 *
 * @throws FairleadError whatever kept the model from being opened, with what to do about it
 */
export async function openModel({ progress, fetched, worker }: ModelListeners): Promise<OpenedModel> {
  const fallbacks: Fallback[] = [];
  let origin: Origin = 'network';
  let device = '';
  let loadMs = 0;
  const model = cachedModel(modelUrl, {
    digest: modelDigest,
    bytes: modelBytes,
    sidecars: ['golden', 'reference'],
    on: {
      progress,
      'download-end': fetched,
      'cache-hit': () => {
        origin = 'cache';
        fetched();
      },
      'cache-skip': () => {
        origin = 'memory';
      },
    },
  });
  const runner = await createRunner({
    model,
    backend: onnx({ device: ['webgpu', 'wasm'] }),
    on: {
      'device-fallback': ({ from, to, reason }) => void fallbacks.push({ from, to, reason }),
      'model-ready': (event) => {
        device = event.device;
        loadMs = event.loadMs;
      },
      'lane-lost': () => worker('lost'),
      'lane-restart': () => worker('back'),
    },
  });
  const bytes = await runner.loaded?.sidecar('reference');
  if (bytes === undefined) throw new Error(`Nothing lies beside ${modelUrl} as its reference. Build the page again.`);
  return { runner, reference: parseReference(bytes), device, fallbacks, origin, bytes: modelBytes, loadMs };
}
