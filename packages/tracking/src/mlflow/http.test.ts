import { createVirtualClock } from '@fairlead/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMlflowClient } from './client';
import { createFakeServer } from './fake-server.fixture';

const found = { experiment: { experiment_id: '3', name: 'digits', lifecycle_stage: 'active' } };
const noWait = { backoffMs: 1, maxBackoffMs: 1, jitterMs: 0 };
const auth = 'none';

afterEach(() => vi.unstubAllEnvs());

describe('requests to an MLflow server', () => {
  it.each([408, 429, 500, 502, 503, 504])('are sent again after %i', async (status) => {
    await using server = await createFakeServer((_, index) =>
      index < 2 ? { status, body: 'later' } : { body: found },
    );
    const client = createMlflowClient({ url: server.url, auth, retry: noWait });
    expect(await client.experiments.get('3')).toMatchObject({ id: '3', name: 'digits', deleted: false });
    expect(server.seen).toHaveLength(3);
  });

  it('wait twice as long each time, and as long as Retry-After says', async () => {
    const clock = createVirtualClock();
    const answers = [
      new Response('', { status: 500 }),
      new Response('', { status: 503, headers: { 'retry-after': '7' } }),
    ];
    let sent = 0;
    const fetch = async () => answers[sent++] ?? Response.json(found);
    const retry = { backoffMs: 100, jitterMs: 0 };
    const client = createMlflowClient({ url: 'http://mlflow.test', auth, fetch, clock, retry });
    const answer = client.experiments.get('3');
    await clock.advance(99);
    expect(sent).toBe(1);
    await clock.advance(1);
    expect(sent).toBe(2);
    await clock.advance(6_999);
    expect(sent).toBe(2);
    await clock.advance(1);
    expect((await answer).id).toBe('3');
    expect(clock.pendingTimers).toBe(0);
  });

  it('give up after the retries, and say what to do', async () => {
    await using server = await createFakeServer(() => ({ status: 503, body: '<html>busy</html>' }));
    const client = createMlflowClient({ url: server.url, auth, retry: { ...noWait, retries: 2 } });
    await expect(client.experiments.get('3')).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('Look at the log of the server'),
      details: { status: 503 },
    });
    expect(server.seen).toHaveLength(3);
  });

  it('that make a run are not sent again where it may have been made', async () => {
    await using server = await createFakeServer(() => ({ status: 500, body: 'oops' }));
    const client = createMlflowClient({ url: server.url, auth, retry: noWait });
    await expect(client.runs.create({ experimentId: '0', startTime: 1 })).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
    });
    expect(server.seen).toHaveLength(1);
  });

  it('end after the timeout, when nothing comes', async () => {
    const clock = createVirtualClock();
    const fetch = (_: unknown, init?: RequestInit): Promise<Response> =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    const client = createMlflowClient({
      url: 'http://mlflow.test',
      auth,
      fetch,
      clock,
      timeoutMs: 500,
      retry: { retries: 0 },
    });
    const refused = expect(client.experiments.get('3')).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('nothing came for 500 ms'),
    });
    await clock.advance(500);
    await refused;
    expect(clock.pendingTimers).toBe(0);
  });

  it('end with the signal of their caller, also between two attempts', async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const fetch = async () => new Response('', { status: 500 });
    const client = createMlflowClient({ url: 'http://mlflow.test', auth, fetch, clock });
    const refused = expect(client.experiments.get('3', { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await clock.settle();
    controller.abort();
    await refused;
    expect(clock.pendingTimers).toBe(0);
  });

  it('name the address of a server that is not there', async () => {
    const server = await createFakeServer(() => ({}));
    await server[Symbol.asyncDispose]();
    const client = createMlflowClient({ url: server.url, auth, retry: { ...noWait, retries: 1 } });
    await expect(client.health()).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringMatching(/127\.0\.0\.1:\d+\/health got no answer: ECONNREFUSED\. Check/),
    });
  });

  it.each([
    ['HTML of an unknown path', 404, '<!doctype html><h1>Not Found</h1>', 'REMOTE_FAILED', 'No MLflow API is there'],
    ['plain text of a foreign origin', 403, 'Cross-origin request blocked', 'REMOTE_FAILED', '--cors-allowed-origins'],
    ['a login page', 401, 'You are not authenticated.', 'REMOTE_FAILED', 'MLFLOW_TRACKING_TOKEN'],
    ['a redirect', 302, '', 'REMOTE_FAILED', 'give the final address'],
    ['a name that is taken', 400, { error_code: 'RESOURCE_ALREADY_EXISTS', message: 'x' }, 'ALREADY_EXISTS', 'x'],
    ['what is not there', 404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'no run' }, 'NOT_FOUND', 'no run'],
    ['a bad value', 400, { error_code: 'INVALID_PARAMETER_VALUE', message: 'bad' }, 'INVALID_ARGUMENT', 'bad'],
    ['what the server cannot', 501, { error_code: 'NOT_IMPLEMENTED', message: 'mpu' }, 'UNSUPPORTED', 'mpu'],
    ['a page before the server', 200, '<html>Sign in</html>', 'PROTOCOL_ERROR', 'not of a page before it'],
    ['another JSON', 200, { hello: 1 }, 'PROTOCOL_ERROR', '"experiment" is wrong'],
  ])('turn %s into an error', async (_, status, body, code, message) => {
    await using server = await createFakeServer(() => ({ status, body, headers: { location: '/x' } }));
    const client = createMlflowClient({ url: server.url, auth, retry: noWait });
    await expect(client.experiments.get('3')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(server.seen).toHaveLength(1);
  });

  it('refuse an answer without end', async () => {
    await using server = await createFakeServer(() => ({ body: 'x'.repeat(5000) }));
    const client = createMlflowClient({ url: server.url, auth, maxAnswerBytes: 1024 });
    await expect(client.experiments.get('3')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('credentials', () => {
  const headerOf = async (options: Parameters<typeof createMlflowClient>[0]): Promise<string | undefined> => {
    await using server = await createFakeServer(() => ({}));
    await createMlflowClient({ url: server.url, ...options }).health();
    return server.seen[0]?.headers.authorization;
  };

  it('come from the variables of MLflow, where a name with a password wins', async () => {
    vi.stubEnv('MLFLOW_TRACKING_TOKEN', 'tok');
    expect(await headerOf({})).toBe('Bearer tok');
    vi.stubEnv('MLFLOW_TRACKING_USERNAME', 'ann');
    expect(await headerOf({})).toBe('Bearer tok');
    vi.stubEnv('MLFLOW_TRACKING_PASSWORD', 'geheim');
    expect(await headerOf({})).toBe(`Basic ${btoa('ann:geheim')}`);
    expect(await headerOf({ auth: 'none' })).toBeUndefined();
    expect(await headerOf({ auth: { token: 'other' } })).toBe('Bearer other');
  });

  it('and the address come from the environment', async () => {
    await using server = await createFakeServer(() => ({}));
    vi.stubEnv('MLFLOW_TRACKING_URI', server.url.replace('//', '//bob:pass@'));
    const client = createMlflowClient();
    await client.health();
    expect(client.url).toBe(server.url);
    expect(server.seen[0]?.headers.authorization).toBe(`Basic ${btoa('bob:pass')}`);
  });

  it('are in no error, even where the server repeats them', async () => {
    await using server = await createFakeServer(({ headers }) => ({
      status: 400,
      body: { error_code: 'BAD_REQUEST', message: `bad header ${headers.authorization}` },
    }));
    const client = createMlflowClient({ url: server.url, auth: { token: 'very-secret' } });
    const error = await client.experiments.get('3').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(JSON.stringify(error) + String(error)).not.toContain('very-secret');
  });

  it.each([
    [{ url: 'sqlite:///mlflow.db' }, 'url'],
    [{ url: 'nothing' }, 'url'],
    [{ url: 'http://127.0.0.1/?a=1' }, 'url'],
    [{ url: 'http://127.0.0.1', auth: { token: 'two words' } }, 'auth.token'],
    [{ url: 'http://127.0.0.1', auth: { token: '' } }, 'auth.token'],
    [{ url: 'http://127.0.0.1', timeoutMs: 0 }, 'timeoutMs'],
    [{ url: 'http://127.0.0.1', retry: { retries: -1 } }, 'retry.retries'],
    [{ url: 'http://127.0.0.1', adress: 1 }, 'adress'],
  ])('and other options are checked: %j', (options, field) => {
    expect(() => createMlflowClient(options as Parameters<typeof createMlflowClient>[0])).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });

  it('are not shown by the check of the options', () => {
    const options = { url: 'http://127.0.0.1', auth: { username: 'ann', password: 'hush-hush', extra: 'hush-hush' } };
    let message = '';
    try {
      createMlflowClient(options);
    } catch (error) {
      message = String(error) + JSON.stringify(error);
    }
    expect(message).toContain('auth');
    expect(message).not.toContain('hush-hush');
  });
});
