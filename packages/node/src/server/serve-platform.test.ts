import { createRunner, type FairleadError, type Logger, type ModelRunner } from '@fairlead/core';
import { createModelRepository, openInference, sageMaker } from '@fairlead/core/serving';
import { createMockBackend } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ServeOptions, type Server, serve } from './index';
import { applyPlatform } from './platform-options';

const open: { close(): Promise<void> }[] = [];
const lines: { level: string; text: string }[] = [];
const log = (level: string) => (_fields: object, text?: string) => void lines.push({ level, text: text ?? '' });
const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
let runner: ModelRunner;

beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (/^(AIP|SAGEMAKER|AZUREML)_/.test(name)) vi.stubEnv(name, undefined);
  runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger });
  open.push(runner);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const closeable of open.splice(0).reverse()) await closeable.close();
  lines.length = 0;
});

/** Never on all addresses, nor on a port that somebody else may have, nor with a wait. */
async function start(options: ServeOptions): Promise<Server> {
  const server = await serve(runner, {
    logger,
    host: '127.0.0.1',
    port: 0,
    drainDelayMs: 0,
    handleSignals: false,
    ...options,
  });
  open.push(server);
  return server;
}
const chosen = (options: ServeOptions, env: Record<string, string>, hasRepository = false) =>
  applyPlatform(options, env, hasRepository, logger);

describe('the options of a platform', () => {
  it('are those that are left open, and within its time', () => {
    const { options, platform } = chosen({}, { AIP_HTTP_PORT: '7001', AIP_PREDICT_ROUTE: '/p' });
    expect(options).toMatchObject({ host: '0.0.0.0', port: 7001, handleSignals: true });
    expect(options.protocols?.map(({ name }) => name)).toEqual(['vertex-ai']);
    expect((options.drainDelayMs ?? 0) + (options.drainTimeoutMs ?? 0) + 1000).toBeLessThan(30_000);
    expect(platform?.predictRoute).toBe('/p');
    const given = {
      platform: 'vertex',
      host: '127.0.0.1',
      port: 0,
      drainTimeoutMs: 5,
      handleSignals: false,
      drainDelayMs: undefined,
    } as const;
    const kept = chosen(given as unknown as ServeOptions, { AIP_HTTP_PORT: '7001' }).options;
    expect(kept).toMatchObject({
      host: '127.0.0.1',
      port: 0,
      drainTimeoutMs: 5,
      handleSignals: false,
      drainDelayMs: 2000,
    });
    const protocols = [openInference()];
    expect(chosen({ platform: 'azure', protocols }, {}).options.protocols).toBe(protocols);
    expect(lines).toEqual([]);
  });

  it('stay as they are without a platform, and where the caller said where to listen or what to speak', () => {
    const options: ServeOptions = { maxBodyBytes: 7 };
    expect(chosen(options, { PATH: '/bin' })).toEqual({ options, platform: undefined });
    expect(chosen({ platform: 'none' }, { AIP_HTTP_PORT: '7001' }).options.host).toBeUndefined();
    expect(lines).toEqual([]);
    for (const own of [{ port: 80 }, { host: '::1' }, { protocols: [sageMaker()] }]) {
      expect(chosen(own, { AIP_HTTP_PORT: '7001' })).toEqual({ options: own, platform: undefined });
      expect(lines.splice(0)).toEqual([
        { level: 'warn', text: expect.stringMatching(/Vertex AI .AIP_HTTP_PORT.*'vertex'.*'none'/) },
      ]);
    }
    expect(chosen({ port: 80 }, { AIP_HTTP_PORT: 'x' }).platform).toBeUndefined();
    expect(lines.splice(0)[0]).toMatchObject({ level: 'warn', text: expect.stringContaining('AIP_HTTP_PORT') });
    expect(() => chosen({}, { AIP_HTTP_PORT: 'x' })).toThrow('AIP_HTTP_PORT');
  });

  it('need a repository for a multi-model endpoint', () => {
    const env = { SAGEMAKER_MULTI_MODEL: 'true' };
    expect(() => chosen({}, env)).toThrow('repository');
    expect(chosen({}, env, true).platform?.isMultiModel).toBe(true);
  });
});

describe('serve on a platform', () => {
  const post = (server: Server, path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(server.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });

  it('answers as SageMaker asks, and nothing else', async () => {
    const server = await start({ platform: 'sagemaker' });
    expect((await fetch(`${server.url}/ping`)).status).toBe(200);
    const answer = await post(server, '/invocations', { instances: [[1, 2]] });
    expect(await answer.json()).toEqual({ predictions: [[2, 4]] });
    expect((await fetch(`${server.url}/v2`)).status).toBe(404);
    const told = lines.filter(({ level }) => level === 'info');
    expect(told).toHaveLength(1);
    expect(told[0]?.text).toContain(`SageMaker asks (chosen by the option "platform"): 127.0.0.1:${server.port}`);
  });

  it('answers at the routes of Vertex AI, and tells the variables that it was seen by', async () => {
    const route = '/v1/endpoints/12/deployedModels/34';
    vi.stubEnv('AIP_HTTP_PORT', '8080');
    vi.stubEnv('AIP_HEALTH_ROUTE', route);
    vi.stubEnv('AIP_PREDICT_ROUTE', `${route}:predict`);
    vi.stubEnv('AIP_DEPLOYED_MODEL_ID', '34');
    const server = await start({ platform: 'vertex' });
    expect((await fetch(server.url + route)).status).toBe(200);
    const answer = await post(server, `${route}:predict`, { instances: [[1, 2]] });
    expect(await answer.json()).toMatchObject({ predictions: [[2, 4]], deployedModelId: '34' });
    expect(lines.find(({ level }) => level === 'info')?.text).toContain('seen by AIP_HTTP_PORT');
  });

  it('answers as Azure ML asks, unhealthy while it drains', async () => {
    let isOpen = true;
    const server = await start({ platform: 'azure', isReady: () => isOpen });
    expect(await (await fetch(server.url)).text()).toBe('Healthy');
    const answer = await post(server, '/score', { data: [[1, 2]] }, { 'x-ms-client-request-id': 'c' });
    expect([await answer.json(), answer.headers.get('x-ms-client-request-id')]).toEqual([[[2, 4]], 'c']);
    isOpen = false;
    expect((await fetch(server.url)).status).toBe(503);
  });

  it('takes the environment for itself where nothing is said, and refuses one that it cannot use', async () => {
    vi.stubEnv('SAGEMAKER_MULTI_MODEL', 'true');
    const repository = createModelRepository({ m: async () => runner }, { logger });
    open.push(repository);
    const failure = await serve(runner, { logger }).catch((error: FairleadError) => error);
    expect(failure).toMatchObject({ code: 'INVALID_OPTION', details: { field: 'repository' } });
    vi.stubEnv('SAGEMAKER_BIND_TO_PORT', '99999');
    const port = await serve({}, { logger, repository }).catch((error: FairleadError) => error);
    expect(port).toMatchObject({ code: 'INVALID_OPTION', details: { field: 'SAGEMAKER_BIND_TO_PORT' } });
    const choice = await serve(runner, { platform: 'heroku' as 'none' }).catch((error: FairleadError) => error);
    expect(choice).toMatchObject({ code: 'INVALID_OPTION', details: { field: 'platform' } });
  });
});
