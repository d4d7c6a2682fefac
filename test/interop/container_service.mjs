import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import { serve } from '@fairlead/node/server';

/* The service in the container of container.test.ts: it says where it listens, and who it is. */

const model = fileURLToPath(new URL('./models/digits-v2.onnx', import.meta.url));
const lanes = process.env.LANES === undefined ? {} : { lanes: Number(process.env.LANES) };
const runner = await createRunner({ model, backend: onnx({ device: 'cpu' }), ...lanes });
// The test shares its network with the container, so the service keeps to this machine and to a free port.
const server = await serve(
  { digits: runner },
  { host: process.env.HOST ?? '0.0.0.0', port: Number(process.env.PORT ?? 8080), handleSignals: true },
);
const { lanes: running } = runner.describe();
console.log(
  JSON.stringify({ url: server.url, pid: process.pid, uid: process.getuid(), node: process.version, lanes: running }),
);
