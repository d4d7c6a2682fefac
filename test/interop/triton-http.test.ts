import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runClient } from './run-client';
import { prepareTritonClient } from './setup';
import { openTritonModels, silent, type TritonModels } from './triton-models';

const { command = '', missing } = { command: undefined, ...prepareTritonClient() };

/** What the client does, a function each; one that is missing here would not be looked at. */
const cases = [
  'every_datatype_as_bytes_and_as_json',
  'strings_as_bytes_and_as_json',
  'bits_of_nan_survive_as_bytes',
  'not_finite_numbers_as_json',
  'no_rows',
  'health',
  'metadata',
  'config',
  'a_real_model',
  'requested_outputs',
  'classes',
  'asynchronous',
  'asyncio_client',
  'packed_bodies',
  'parameters',
  'statistics',
  'repository',
  'refusals',
];

describe.skipIf(missing !== undefined)("Triton's own client over HTTP", { timeout: 180_000 }, () => {
  let models: TritonModels;
  let server: Server;
  let results: Record<string, string>;

  beforeAll(async () => {
    models = await openTritonModels();
    server = await serve(models.runners, {
      port: 0,
      repository: models.repository,
      maxBodyBytes: 4_000_000,
      drainDelayMs: 0,
      drainTimeoutMs: 0,
      logger: silent,
    });
    results = await runClient(command, 'triton_http.py', new URL(server.url).host);
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
