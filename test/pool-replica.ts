import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import { serveGrpc } from '@fairlead/node/grpc';
import { serve } from '@fairlead/node/server';

/* A replica that pool.test.ts starts and kills: serves the digits model over `http` or `grpc`, and says on stdout where. */

const model = fileURLToPath(new URL('../examples/models/digits-v2.onnx', import.meta.url));
const runner = await createRunner({ model, backend: onnx({ threads: 1 }), lanes: 'inline' });
const served = { digits: runner };
const address =
  process.argv[2] === 'grpc' ? (await serveGrpc(served, { port: 0 })).address : (await serve(served, { port: 0 })).url;
process.stdout.write(`${address}\n`);
