import * as ort from 'onnxruntime-web/wasm';
import type { FromBareWorker, ToBareWorker } from './contestants';

ort.env.wasm.numThreads = 1;
const scope = globalThis as unknown as {
  postMessage(message: FromBareWorker, transfer?: readonly ArrayBufferLike[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<ToBareWorker>) => void): void;
};
let session: ort.InferenceSession | undefined;

scope.addEventListener('message', ({ data: message }) => {
  answer(message).catch((error: unknown) => scope.postMessage({ id: message.id, error: String(error) }));
});

async function answer(message: ToBareWorker): Promise<void> {
  if ('model' in message) {
    session = await ort.InferenceSession.create(message.model, { executionProviders: ['wasm'] });
    scope.postMessage({ id: message.id });
    return;
  }
  const { y } = await (session as ort.InferenceSession).run({
    x: new ort.Tensor('float32', message.data, message.dims),
  });
  const data = y?.data as Float32Array;
  scope.postMessage({ id: message.id, data }, [data.buffer]);
}
