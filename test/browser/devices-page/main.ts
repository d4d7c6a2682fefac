import { type DeviceReport, detectDevices, type OnnxOptions, onnx } from '@fairlead/browser';
import { cachedModel } from '@fairlead/browser/model-cache';
import { createRunner, type LocalRunner, type ModelSource } from '@fairlead/core';

// The page of the tests of devices, and of those in a second engine.

/** What an opened runner tells of itself. */
export interface DevicesRunnerFacts {
  readonly device: string;
  readonly lanes: string;
  readonly fallbacks: readonly string[];
}

/** What the tests call. */
export interface DevicesPage {
  detect(): Promise<DeviceReport>;
  open(model: string, backend: OnnxOptions): Promise<DevicesRunnerFacts>;
  openCached(model: string, digest: string): Promise<DevicesRunnerFacts>;
  run(pixels: number[]): Promise<{ readonly labels: number[]; readonly probabilities: number[] }>;
  close(): Promise<void>;
}

declare global {
  var devicesPage: DevicesPage;
}

let runner: LocalRunner | undefined;

async function open(model: string | ModelSource, backend: OnnxOptions): Promise<DevicesRunnerFacts> {
  const fallbacks: string[] = [];
  let device = '';
  runner = await createRunner({
    model,
    backend: onnx(backend),
    on: {
      'device-fallback': ({ from, to, reason }) => void fallbacks.push(`${from} → ${to}: ${reason}`),
      'model-ready': (event) => {
        device = event.device;
      },
    },
  });
  const lanes = runner.describe().lanes.slots.map(({ name }) => name);
  return { device, lanes: lanes.join(', '), fallbacks };
}

globalThis.devicesPage = {
  detect: detectDevices,
  open,
  openCached: (model, digest) => open(cachedModel(model, { digest }), { device: 'wasm' }),
  async run(pixels) {
    if (runner === undefined) throw new Error('open a runner first');
    const { label, probabilities } = (await runner.run({ pixels: Float32Array.from(pixels) })).outputs;
    return {
      labels: Array.from(label?.data as BigInt64Array, Number),
      probabilities: Array.from(probabilities?.data as Float32Array),
    };
  },
  async close() {
    await runner?.close();
    runner = undefined;
  },
};
