import { fileURLToPath } from 'node:url';
import { createRunner, FairleadError, type LocalRunner, type ModelRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import { modelFile } from '../quickstart/digits';

/** Ink in a picture, as the sum of its pixels; about one digit in ten has more. */
const mostInk = 357;

/** A model of `examples/models`. */
export function load(file: string): Promise<LocalRunner> {
  const backend = onnx({ device: 'cpu', threads: 1 });
  return createRunner({ model: fileURLToPath(modelFile(file)), backend, lanes: 'inline' });
}

/** The same model with a bug around it: it fails on pictures with much ink, which no golden row has found. */
export function failingOnInk(runner: ModelRunner): ModelRunner {
  return {
    signature: runner.signature,
    model: { ...runner.model, version: `${runner.model.version}-broken` },
    events: runner.events,
    run(inputs, options) {
      const ink = (inputs.pixels as Float32Array).reduce((sum, pixel) => sum + pixel, 0);
      if (ink <= mostInk) return runner.run(inputs, options);
      return Promise.reject(new FairleadError('RUN_FAILED', `There is too much ink in the picture: ${ink}.`));
    },
    close: () => runner.close(),
    [Symbol.asyncDispose]: () => runner.close(),
  };
}
