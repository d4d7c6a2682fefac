import { startFastify } from './servers/fastify';
import { startFixed } from './servers/fixed';
import { startEmpty, startEmptyInCluster, startOurs, startOursInCluster, startOursOverGrpc } from './servers/ours';

/* A server of Node's in a process of its own: `server.process.ts KIND MODEL`. */

const [kind = '', modelPath = ''] = process.argv.slice(2);
const starts: Readonly<Record<string, () => Promise<object>>> = {
  ours: () => startOurs(modelPath),
  'ours-cluster': () => startOursInCluster(modelPath, 'auto'),
  'ours-cluster-inline': () => startOursInCluster(modelPath, 'inline'),
  'ours-grpc': () => startOursOverGrpc(modelPath),
  empty: () => startEmpty(modelPath),
  'empty-cluster': () => startEmptyInCluster(modelPath),
  'fastify-default': () => startFastify(modelPath, 'default'),
  'fastify-one': () => startFastify(modelPath, 'one'),
  fixed: startFixed,
};
const start = starts[kind];
if (start === undefined) throw new Error(`No server is called "${kind}".`);
process.send?.(await start());
process.on('disconnect', () => process.exit());
