import * as ort from '/ort/ort.wasm.min.mjs';

ort.env.wasm.numThreads = 1;
ort.env.wasm.proxy = true;
ort.env.wasm.wasmPaths = '/ort/';

globalThis.openProxy = async (model, shape) => {
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
  return {
    async run(data, rows) {
      const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.from(data), [rows, ...shape]) });
      return y.data;
    },
    close: () => session.release(),
  };
};
