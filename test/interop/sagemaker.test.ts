import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ModelRunner } from '@fairlead/core';
import { createModelRepository, type ModelRepository, sageMaker } from '@fairlead/core/serving';
import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doubleRunner, tabularRunner } from './scoring-server';
import { prepareMoto } from './setup';

// Moto brings AWS's own client.
const { command = '', missing } = { command: undefined, ...prepareMoto() };
const script = fileURLToPath(new URL('sagemaker_runtime.py', import.meta.url));
const cases = ['json_body', 'csv_body', 'raw_bytes', 'custom_attributes', 'target_model', 'refusals', 'loaded_model'];

describe.skipIf(missing !== undefined)("AWS's own client of SageMaker's runtime", { timeout: 120_000 }, () => {
  const runners: Record<string, ModelRunner> = {};
  let repository: ModelRepository;
  let server: Server;
  let results: Record<string, string>;

  beforeAll(async () => {
    runners.double = await doubleRunner();
    runners.tabular = await tabularRunner();
    repository = createModelRepository({}, { open: doubleRunner });
    const protocols = [sageMaker({ model: 'double' })];
    server = await serve(runners, { port: 0, drainDelayMs: 0, protocols, repository });
    // As the platform loads a model into a container of several.
    const body = JSON.stringify({ model_name: 'loaded', url: '/opt/ml/models/loaded/model' });
    const { status } = await fetch(`${server.url}/models`, { method: 'POST', body });
    expect(status).toBe(200);
    const { stdout } = await promisify(execFile)(command, [script, server.url], { timeout: 90_000 });
    results = JSON.parse(stdout);
  }, 120_000);

  afterAll(async () => {
    await server?.close();
    await repository?.close();
    for (const runner of Object.values(runners)) await runner.close();
  });

  it('does what is looked at here, and nothing else', () =>
    expect(Object.keys(results).sort()).toEqual([...cases].sort()));
  it.each(cases)('%s', (name) => expect(results[name]).toBe('ok'));
});
