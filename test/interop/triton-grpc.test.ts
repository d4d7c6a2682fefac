import { type GrpcServer, serveGrpc } from '@fairlead/node/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runClient } from './run-client';
import { prepareTritonGrpcClient } from './setup';
import { openTritonModels, silent, type TritonModels } from './triton-models';

const { command = '', missing } = { command: undefined, ...prepareTritonGrpcClient() };

/** What the client does, a function each; one that is missing here would not be looked at. */
const cases = [
  'every_datatype_raw',
  'every_datatype_typed',
  'strings',
  'bits_of_nan_survive',
  'health',
  'metadata',
  'config',
  'a_real_model',
  'a_large_message',
  'requested_outputs',
  'classes',
  'asynchronous',
  'cancelled',
  'asyncio_client',
  'stream',
  'packed_messages',
  'parameters',
  'statistics',
  'repository',
  'full',
  'refusals',
];

describe.skipIf(missing !== undefined)("Triton's own client over gRPC", { timeout: 180_000 }, () => {
  let models: TritonModels;
  let server: GrpcServer;
  let results: Record<string, string>;

  beforeAll(async () => {
    models = await openTritonModels();
    server = await serveGrpc(models.runners, {
      port: 0,
      repository: models.repository,
      maxBodyBytes: 16_000_000,
      drainDelayMs: 0,
      drainTimeoutMs: 0,
      logger: silent,
    });
    results = await runClient(command, 'triton_grpc.py', server.address);
  }, 240_000);

  afterAll(async () => {
    await server?.close();
    await models?.close();
  });

  it.each(cases)('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('does nothing that is not looked at here', () => {
    expect(Object.keys(results).sort()).toEqual([...cases].sort());
  });
});
