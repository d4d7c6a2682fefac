import { closeable, createRunner, type ModelRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import { startCluster } from '@fairlead/node/cluster';
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
  const { server, settings } = await openServer(modelPath);
  return { port: server.port, settings };
}

/** Processes of our server where it has several, for two cores. */
const processes = 2;

/** The same in several processes on one port; `lanes` is the runner's option in each. Run again in each of them. */
export async function startOursInCluster(modelPath: string, lanes: 'auto' | 'inline'): Promise<Ready> {
  const { port } = await startCluster(async () => (await openServer(modelPath, lanes)).server, { processes });
  const said = lanes === 'inline' ? 'lanes inline' : 'lanes as each finds them';
  return { port: Number(port), settings: `${processes} processes, ${said} in each` };
}

/** {@link startEmpty} in as many processes. */
export async function startEmptyInCluster(modelPath: string): Promise<Ready> {
  const { port } = await startCluster(async () => serveAlone(await openEmpty(modelPath)), { processes });
  return { port: Number(port), settings: `${emptySettings}, in ${processes} processes` };
}

/** The same over gRPC, as `serveGrpc` makes it where nobody sets anything. */
export async function startOursOverGrpc(modelPath: string): Promise<Ready> {
  const { runner, settings } = await openRunner(modelPath);
  const { port } = await serveGrpc({ [modelName]: runner }, { port: 0 });
  return { port, settings };
}

async function openRunner(
  modelPath: string,
  choice?: 'auto' | 'inline',
): Promise<{ readonly runner: ModelRunner; readonly settings: string }> {
  const options = choice === undefined ? {} : { lanes: choice };
  const runner = await createRunner({ model: modelPath, backend: onnx({ device: 'cpu' }), ...options });
  const { slots, reason } = runner.describe().lanes;
  const lanes = slots.map(({ name, threads }) => `${name} (${threads ?? 'default'} threads)`).join(', ');
  return { runner, settings: `defaults; lanes found: ${lanes}; ${reason}` };
}

const emptySettings = 'the same server, and a runner that answers the same outputs at once';

/** The same server in front of a runner that answers at once: everything but the inference. */
export async function startEmpty(modelPath: string): Promise<Ready> {
  const { port } = await serveAlone(await openEmpty(modelPath));
  return { port, settings: emptySettings };
}

async function openEmpty(modelPath: string): Promise<ModelRunner> {
  const real = await createRunner({ model: modelPath, backend: onnx({ device: 'cpu' }), lanes: 'inline' });
  const [input] = real.signature.inputs;
  const elements = Number(input?.shape[1]);
  const result = await real.run({ x: new Float32Array(elements) });
  const { signature, model, events } = real;
  const run = async () => result;
  return { signature, model, events, run, ...closeable(real.close) };
}

async function openServer(
  modelPath: string,
  lanes?: 'auto' | 'inline',
): Promise<{ readonly server: Server; readonly settings: string }> {
  const { runner, settings } = await openRunner(modelPath, lanes);
  return { server: await serveAlone(runner), settings };
}

function serveAlone(runner: ModelRunner): Promise<Server> {
  return serve({ [modelName]: runner }, { port: 0 });
}
