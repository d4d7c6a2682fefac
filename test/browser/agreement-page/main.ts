import { type OnnxOptions, onnx } from '@fairlead/browser';
import { createRunner, type Tensor } from '@fairlead/core';
import { noise } from '../noise';

// The page in which any model of float32 inputs runs on noise.

/** An output as it crosses to the tests. */
export interface PageOutput {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: number[];
}

/** What came of a model. */
export interface PageOutputs {
  readonly device: string;
  readonly fallbacks: readonly string[];
  readonly outputs: Readonly<Record<string, PageOutput>>;
}

/** What the tests call. */
export interface AgreementPage {
  /** Runs a model on noise of the shapes given, by input. */
  compute(
    model: string,
    shapes: Readonly<Record<string, readonly number[]>>,
    backend: OnnxOptions,
  ): Promise<PageOutputs>;
}

declare global {
  var agreement: AgreementPage;
}

globalThis.agreement = {
  async compute(model, shapes, backend) {
    let device = '';
    const fallbacks: string[] = [];
    const runner = await createRunner({
      model,
      backend: onnx(backend),
      on: {
        'model-ready': (event) => {
          device = event.device;
        },
        'device-fallback': ({ from, to, reason }) => void fallbacks.push(`${from} → ${to}: ${reason}`),
      },
    });
    try {
      const inputs = Object.entries(shapes).map(([name, shape]) => {
        const data = noise(shape.reduce((product, size) => product * size, 1));
        return [name, { dtype: 'float32', shape, data } satisfies Tensor];
      });
      const { outputs } = await runner.run(Object.fromEntries(inputs) as Record<string, Tensor>);
      const plain = Object.entries(outputs).map(([name, { dtype, shape, data }]) => [
        name,
        { dtype, shape, data: Array.from(data as ArrayLike<number | bigint>, Number) },
      ]);
      return { device, fallbacks, outputs: Object.fromEntries(plain) as Record<string, PageOutput> };
    } finally {
      await runner.close();
    }
  },
};
