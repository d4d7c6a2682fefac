import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FairleadError } from '../../errors';
import { FairleadError as Failure } from '../../errors';
import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner } from '../../runner/runner';
import { createMockBackend, createVirtualClock, mockModel } from '../../testing/index';
import { createHandler, createModelRepository, type ModelLoader, type ModelRepository } from '../index';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

const makeRunner = (version = '1'): Promise<ModelRunner> =>
  createRunner({ model: mockModel(version), backend: createMockBackend(), warmUp: false, logger: silent });

/** A repository that counts what it loads, each load a version more. */
function repositoryOf(load?: ModelLoader, logger: Logger = silent) {
  const made: ModelRunner[] = [];
  const next: ModelLoader = async () => {
    const runner = await makeRunner(String(made.length + 1));
    made.push(runner);
    return runner;
  };
  const repository = createModelRepository({ digits: load ?? next, other: next }, { logger });
  open.push(repository);
  return { repository, made };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: FairleadError) => error.code,
  );

const call = async (handle: ReturnType<typeof createHandler>, path: string, body?: unknown) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init = body === undefined ? {} : { body: text };
  const response = await handle(new Request(`http://test/v2/${path}`, { method: 'POST', ...init }));
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const infer = (handle: ReturnType<typeof createHandler>, model = 'digits') =>
  call(handle, `models/${model}/infer`, { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });
const index = async (handle: ReturnType<typeof createHandler>, body?: unknown) =>
  (await call(handle, 'repository/index', body)).body;

describe('createModelRepository', () => {
  it('refuses what are no loaders', async () => {
    const refused = expect.objectContaining({ code: 'INVALID_OPTION' }) as Error;
    expect(() => createModelRepository({})).toThrow(refused);
    expect(() => createModelRepository({ '': () => makeRunner() })).toThrow(refused);
    expect(() => createModelRepository({ a: {} as ModelLoader })).toThrow(refused);
    expect(() => createModelRepository(undefined as never)).toThrow(refused);
    expect(() => createModelRepository({ a: () => makeRunner() }, { opener: 1 } as never)).toThrow('"opener"');
    for (const none of [undefined, {}, 'a runner']) {
      const { repository } = repositoryOf(async () => none as never);
      expect(await codeOf(repository.load('digits'))).toBe('INVALID_OPTION');
      expect(repository.get('digits')).toBeUndefined();
    }
  });

  it('loads once for all who ask at the same time, anew for who asks later, and closes the one before', async () => {
    const { repository, made } = repositoryOf();
    const [first, same] = await Promise.all([repository.load('digits'), repository.load('digits')]);
    expect(first).toBe(same);
    expect(made).toHaveLength(1);
    const second = await repository.load('digits');
    expect(repository.get('digits')).toBe(second);
    await vi.waitFor(() => expect(first.health?.().status).toBe('closed'));
    expect(second.health?.().status).toBe('ready');
    expect(repository.get('other')).toBeUndefined();
  });

  it('keeps the model before when loading anew fails, and says why to the logger alone', async () => {
    let fail = false;
    const error = vi.fn();
    const load: ModelLoader = () => {
      if (fail) throw new Failure('MODEL_INVALID', 'cannot read /secret/digits.onnx');
      return makeRunner();
    };
    const { repository } = repositoryOf(load, { ...silent, error });
    fail = true;
    expect(await codeOf(repository.load('digits'))).toBe('MODEL_INVALID');
    const failed = { name: 'digits', state: 'UNAVAILABLE', reason: 'loading failed (MODEL_INVALID)' };
    expect(repository.list()[0]).toEqual(failed);
    fail = false;
    await repository.load('digits');
    fail = true;
    expect(await codeOf(repository.load('digits'))).toBe('MODEL_INVALID');
    expect(repository.list()[0]).toEqual({ name: 'digits', version: '1', state: 'READY', reason: '' });
    expect(error).toHaveBeenCalledTimes(2);
    expect(error.mock.calls[0]?.[1]).toContain('/secret/digits.onnx');
  });

  it('does one thing at a time with a model', async () => {
    let finish: (() => void) | undefined;
    const load: ModelLoader = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return makeRunner();
    };
    const { repository } = repositoryOf(load);
    const loading = repository.load('digits');
    expect(repository.list()[0]?.state).toBe('LOADING');
    expect(await codeOf(repository.unload('digits'))).toBe('CONFLICT');
    expect(await codeOf(repository.unload('other'))).toBe('done');
    finish?.();
    await loading;
    const unloading = repository.unload('digits');
    expect(repository.list()[0]?.state).toBe('UNLOADING');
    expect(await codeOf(repository.load('digits'))).toBe('CONFLICT');
    await Promise.all([unloading, repository.unload('digits')]);
    expect(repository.list()[0]).toEqual({ name: 'digits', state: 'UNAVAILABLE', reason: 'unloaded' });
    expect(await codeOf(repository.load('nobody'))).toBe('NOT_FOUND');
  });

  it('lets a caller stop waiting, and goes on loading for the others', async () => {
    let finish: (() => void) | undefined;
    const load: ModelLoader = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return makeRunner();
    };
    const { repository } = repositoryOf(load);
    const controller = new AbortController();
    const gone = codeOf(repository.load('digits', { signal: controller.signal }));
    const stays = repository.load('digits');
    controller.abort();
    expect(await gone).toBe('ABORTED');
    finish?.();
    const runner = await stays;
    expect(repository.get('digits')).toBe(runner);
  });

  it('closes what it loaded and what is still being loaded, and then takes nothing more', async () => {
    let signal: AbortSignal | undefined;
    let finish: (() => void) | undefined;
    const late: ModelRunner[] = [];
    const load: ModelLoader = async (options) => {
      signal = options.signal;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      late.push(await makeRunner());
      return late[0] as ModelRunner;
    };
    const { repository, made } = repositoryOf(load);
    await repository.load('other');
    const loading = codeOf(repository.load('digits'));
    await vi.waitFor(() => expect(finish).toBeDefined());
    const closing = repository.close();
    expect(signal?.aborted).toBe(true);
    finish?.();
    await closing;
    expect(await loading).toBe('CLOSED');
    for (const runner of [...made, ...late]) expect(runner.health?.().status).toBe('closed');
    expect(await codeOf(repository.load('other'))).toBe('CLOSED');
    expect(await codeOf(repository.unload('other'))).toBe('CLOSED');
    await repository.close();
  });
});

describe('a repository that opens', () => {
  const opening = (open_: (reference: string) => Promise<ModelRunner>, loaders: Record<string, ModelLoader> = {}) => {
    const repository = createModelRepository(loaders, { logger: silent, open: open_ });
    open.push(repository);
    return repository;
  };

  it('opens what it is told where to find, and forgets it when it is unloaded', async () => {
    const references: string[] = [];
    const repository = opening((reference) => {
      references.push(reference);
      return makeRunner();
    });
    expect(repository.names).toEqual([]);
    expect(await codeOf(repository.load('a'))).toBe('NOT_FOUND');
    const [first, same] = await Promise.all([
      repository.load('a', { reference: '/models/a' }),
      repository.load('a', { reference: '/models/other' }),
    ]);
    expect([first === same, references, repository.names]).toEqual([true, ['/models/a'], ['a']]);
    expect(repository.list()).toEqual([{ name: 'a', version: '1', state: 'READY', reason: '' }]);
    await repository.unload('a');
    expect([repository.names, first.health?.().status]).toEqual([[], 'closed']);
    expect(await codeOf(repository.unload('a'))).toBe('NOT_FOUND');
    await repository.load('a', { reference: '/models/b' });
    expect(references).toEqual(['/models/a', '/models/b']);
  });

  it('forgets what it could not open, and nothing that has a loader', async () => {
    const repository = opening(() => Promise.reject(new Failure('MODEL_INVALID', 'bad')), {
      named: () => makeRunner(),
    });
    expect(await codeOf(repository.load('a', { reference: '/models/a' }))).toBe('MODEL_INVALID');
    expect(repository.names).toEqual(['named']);
    await repository.load('named', { reference: '/models/named' });
    await repository.unload('named');
    expect(repository.names).toEqual(['named']);
  });

  it('takes no reference without the option, and none when it is closed', async () => {
    const { repository } = repositoryOf();
    expect(await codeOf(repository.load('a', { reference: '/models/a' }))).toBe('NOT_FOUND');
    const closed = opening(() => makeRunner());
    const opened = await closed.load('a', { reference: '/models/a' });
    await closed.close();
    expect(opened.health?.().status).toBe('closed');
    expect(await codeOf(closed.load('b', { reference: '/models/b' }))).toBe('CLOSED');
    expect(() => createModelRepository({}, { open: 'all' as never })).toThrow('open');
  });
});

describe('createHandler with a repository', () => {
  const handlerOf = (repository: ModelRepository, fixed: Record<string, ModelRunner> = {}) =>
    createHandler(fixed, { repository, logger: silent });

  it('has none of its paths without the option', async () => {
    const runner = await makeRunner();
    open.push(runner);
    const handle = createHandler(runner, { logger: silent });
    expect((await call(handle, 'repository/index')).status).toBe(404);
    expect((await call(handle, 'repository/models/mock/load', {})).status).toBe(404);
    expect(() => createHandler({}, { logger: silent })).toThrow('runners');
  });

  it('lists, loads, serves and unloads', async () => {
    const { repository } = repositoryOf();
    const handle = handlerOf(repository);
    const server = (await (await handle(new Request('http://test/v2'))).json()) as { extensions: string[] };
    expect(server.extensions).toContain('model_repository');
    expect(await index(handle)).toEqual([
      { name: 'digits', version: '', state: 'UNAVAILABLE', reason: 'not loaded' },
      { name: 'other', version: '', state: 'UNAVAILABLE', reason: 'not loaded' },
    ]);
    expect(await infer(handle)).toMatchObject({ status: 404, body: { expected: 'none at present' } });
    expect(await call(handle, 'repository/models/digits/load')).toEqual({ status: 200, body: {} });
    expect(await infer(handle)).toMatchObject({ status: 200, body: { model_name: 'digits', model_version: '1' } });
    expect(await call(handle, 'repository/models/digits/load', { parameters: {} })).toMatchObject({ status: 200 });
    expect((await infer(handle)).body).toMatchObject({ model_version: '2' });
    expect(await index(handle, { ready: true })).toEqual([
      { name: 'digits', version: '2', state: 'READY', reason: '' },
    ]);
    const stats = (await (await handle(new Request('http://test/v2/models/digits/stats'))).json()) as {
      model_stats: { version: string; inference_count: number }[];
    };
    expect(stats.model_stats.map((each) => [each.version, each.inference_count])).toEqual([
      ['1', 1],
      ['2', 1],
    ]);
    const unload = { parameters: { unload_dependents: false } };
    expect(await call(handle, 'repository/models/digits/unload', unload)).toEqual({ status: 200, body: {} });
    expect((await infer(handle)).status).toBe(404);
    expect((await handle(new Request('http://test/v2/models/digits/ready'))).status).toBe(404);
    expect((await call(handle, 'repository/models/digits/unload')).status).toBe(200);
  });

  it('never loads what a request says, and refuses what it does not know', async () => {
    const { repository, made } = repositoryOf();
    const handle = handlerOf(repository);
    const load = (body: unknown, model = 'digits') => call(handle, `repository/models/${model}/load`, body);
    const path = { parameters: { config: '{"platform":"onnxruntime_onnx"}' } };
    expect(await load(path)).toMatchObject({ status: 400, body: { field: 'parameters.config' } });
    expect(await load({ parameters: { 'file:1/model.onnx': 'AAAA' } })).toMatchObject({ status: 400 });
    expect(await load({ parameters: [] })).toMatchObject({ status: 400, body: { field: 'parameters' } });
    expect(await load('[]')).toMatchObject({ status: 400 });
    expect(await load('{')).toMatchObject({ status: 400, body: { code: 'PROTOCOL_ERROR' } });
    expect(await load({}, '..%2f..%2fetc%2fpasswd')).toMatchObject({ status: 404 });
    expect(await load({}, '__proto__')).toMatchObject({ status: 404 });
    expect(await load(' '.repeat(70_000))).toMatchObject({ status: 413 });
    expect(await call(handle, 'repository/index', { ready: 1 })).toMatchObject({
      status: 400,
      body: { field: 'ready' },
    });
    expect((await handle(new Request('http://test/v2/repository/index'))).status).toBe(405);
    expect(made).toHaveLength(0);
  });

  it('tells a client what kind of failure a load was, and the logger the rest', async () => {
    const { repository } = repositoryOf(() => Promise.reject(new Failure('MODEL_INVALID', 'bad /secret/path')));
    const answer = await call(handlerOf(repository), 'repository/models/digits/load');
    expect(answer).toEqual({
      status: 500,
      body: {
        error: 'Model "digits" could not be loaded (MODEL_INVALID). The server\'s log says why.',
        code: 'MODEL_INVALID',
      },
    });
    const { repository: broken } = repositoryOf(() => Promise.reject(new TypeError('x of undefined')));
    expect(JSON.stringify(await call(handlerOf(broken), 'repository/models/digits/load'))).not.toContain('undefined');
  });

  it('serves fixed models beside it, which nobody can load or unload', async () => {
    const runner = await makeRunner();
    open.push(runner);
    const { repository } = repositoryOf();
    const handle = handlerOf(repository, { fixed: runner });
    expect((await index(handle)) as unknown).toMatchObject([
      { name: 'fixed', version: '1', state: 'READY' },
      { name: 'digits' },
      { name: 'other' },
    ]);
    for (const action of ['load', 'unload'])
      expect(await call(handle, `repository/models/fixed/${action}`)).toMatchObject({ status: 409 });
    expect((await infer(handle, 'fixed')).status).toBe(200);
    expect(() => handlerOf(repository, { digits: runner })).toThrow('a name of the repository too');
  });

  it('is ready when what is loaded is', async () => {
    const { repository } = repositoryOf();
    const handle = handlerOf(repository);
    const ready = async () => (await handle(new Request('http://test/v2/health/ready'))).status;
    expect(await ready()).toBe(200);
    const runner = await repository.load('digits');
    expect(await ready()).toBe(200);
    await runner.close();
    expect(await ready()).toBe(503);
    expect(await index(handle)).toMatchObject([{ state: 'UNAVAILABLE', reason: 'closed' }, {}]);
  });

  it('loses no request while a model is loaded anew and anew', async () => {
    const clock = createVirtualClock();
    const load: ModelLoader = () =>
      createRunner({
        model: mockModel('1'),
        backend: createMockBackend({ clock, latencyMs: () => 5 }),
        clock,
        warmUp: false,
        lanes: 'inline',
        logger: silent,
      });
    const { repository } = repositoryOf(load);
    await repository.load('digits');
    const handle = handlerOf(repository);
    // A body that comes in two parts, so that the model changes between the two.
    const slow = (): Request => {
      const text = new TextEncoder().encode(
        JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] }),
      );
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(text.slice(0, 10));
          await repository.load('digits');
          controller.enqueue(text.slice(10));
          controller.close();
        },
      });
      const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
      return new Request('http://test/v2/models/digits/infer', init);
    };
    let done = 0;
    const answers = Array.from({ length: 40 }, (_, index) =>
      (index % 4 === 0 ? handle(slow()).then(({ status }) => ({ status })) : infer(handle)).finally(() => done++),
    );
    await vi.waitFor(async () => {
      await clock.advance(5);
      expect(done).toBe(40);
    });
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});
