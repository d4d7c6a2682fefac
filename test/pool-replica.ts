import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import { serve } from '@fairlead/node/server';

/* A replica that pool.test.ts starts and kills: serves the digits model and says on stdout where. */

const model = fileURLToPath(new URL('../examples/models/digits-v2.onnx', import.meta.url));
const runner = await createRunner({ model, backend: onnx({ threads: 1 }), lanes: 'inline' });
const { url } = await serve({ digits: runner }, { port: 0 });
process.stdout.write(`${url}\n`);
