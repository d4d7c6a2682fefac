import { closeable, createRunner, type ModelRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import { serveGrpc } from '@fairlead/node/grpc';
import { type Server, serve } from '@fairlead/node/server';
import { modelName } from '../requests';

/** What a server tells of itself once it listens. */
export interface Ready {
  readonly port: number;
  /** Its settings, for the reader of the figures. */
  readonly settings: string;
}

/** Our server in front of the model, as `createRunner` and `serve` make it where nobody sets anything. */
export async function startOurs(modelPath: string): Promise<Ready> {
  const { runner, settings } = await openRunner(modelPath);
  return listen(runner, settings);
}

/** The same over gRPC, as `serveGrpc` makes it where nobody sets anything. */
export async function startOursOverGrpc(modelPath: string): Promise<Ready> {
  const { runner, settings } = await openRunner(modelPath);
  const { port } = await serveGrpc({ [modelName]: runner }, { port: 0 });
  return { port, settings };
}

async function openRunner(modelPath: string): Promise<{ readonly runner: ModelRunner; readonly settings: string }> {
  const runner = await createRunner({ model: modelPath, backend: onnx({ device: 'cpu' }) });
  const { slots, reason } = runner.describe().lanes;
  const lanes = slots.map(({ name, threads }) => `${name} (${threads ?? 'default'} threads)`).join(', ');
  return { runner, settings: `defaults; lanes found: ${lanes}; ${reason}` };
}

/** The same server in front of a runner that answers at once: everything but the inference. */
export async function startEmpty(modelPath: string): Promise<Ready> {
  const real = await createRunner({ model: modelPath, backend: onnx({ device: 'cpu' }), lanes: 'inline' });
  const [input] = real.signature.inputs;
  const elements = Number(input?.shape[1]);
  const result = await real.run({ x: new Float32Array(elements) });
  const { signature, model, events } = real;
  const run = async () => result;
  const empty: ModelRunner = { signature, model, events, run, ...closeable(real.close) };
  return listen(empty, 'the same server, and a runner that answers the same outputs at once');
}

async function listen(runner: ModelRunner, settings: string): Promise<Ready> {
  const server: Server = await serve({ [modelName]: runner }, { port: 0 });
  return { port: server.port, settings };
}
