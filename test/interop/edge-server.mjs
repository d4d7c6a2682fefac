/* global Bun, Deno */
// A server on Deno or Bun, by the runtime's own `serve`; `test/interop/edge.test.ts` copies it beside the program and starts it.
// It prints the port that it listens on. With the path of a model it serves that model too, by onnxruntime-node.
import { createHandler } from '@fairlead/core/serving';
import { handle } from './program.ts';

const runtime = globalThis.Deno === undefined ? Bun : Deno;
const [modelPath] = globalThis.Deno === undefined ? process.argv.slice(2) : Deno.args;

let withModel;

/** Models by onnxruntime-node below `/native`, everything else by the program that needs no platform. */
async function answer(request) {
  if (!new URL(request.url).pathname.startsWith('/native/')) return handle(request);
  withModel ??= loadModel();
  try {
    return (await withModel)(request);
  } catch (error) {
    return new Response(String(error), { status: 503 });
  }
}

async function loadModel() {
  const [{ createRunner }, { onnx }] = await Promise.all([import('@fairlead/core'), import('@fairlead/node')]);
  const runner = await createRunner({ model: modelPath, backend: onnx({ device: 'cpu' }), lanes: 'inline' });
  return createHandler({ digits: runner }, { basePath: '/native' });
}

const announce = (port) => console.log(JSON.stringify({ port }));
if (runtime === globalThis.Deno) {
  Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: ({ port }) => announce(port) }, answer);
} else {
  announce(Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer }).port);
}
