import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import { createMockBackend, mockModel } from '../../testing/index';
import { createHandler } from '../handler';
import { jsonResponse } from '../http-error';
import type { ServingProtocol } from '../protocol';
import type { Arrival, CallObserver, CallOutcome, Guard } from './call';
import { createModelHost } from './model-host';
import { createModelRepository } from './model-repository';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const infer = (headers: Record<string, string> = {}, data: unknown = [1, 2]) =>
  new Request('http://test/v2/models/mock/infer', {
    method: 'POST',
    headers,
    body: JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data }] }),
  });

async function mock() {
  const backend = createMockBackend();
  const runner = await createRunner({ model: mockModel('1'), backend, warmUp: false, logger: silent });
  return { runner, backend };
}

/** Keeps what it is told. */
function recorder(): CallObserver & { readonly arrivals: Arrival[]; readonly outcomes: CallOutcome[] } {
  const arrivals: Arrival[] = [];
  const outcomes: CallOutcome[] = [];
  return {
    arrivals,
    outcomes,
    begin(call) {
      arrivals.push(call);
      return { end: (outcome) => void outcomes.push(outcome) };
    },
  };
}

describe('createModelHost', () => {
  it('is shared by several services, with its limits and its statistics', async () => {
    const { runner } = await mock();
    const host = createModelHost(runner, { logger: silent, maxTensorElements: 2 });
    const [first, second] = [createHandler(host), createHandler(host, { basePath: '/ml' })];
    expect((await first(infer())).status).toBe(200);
    const statistics = await second(new Request('http://test/ml/v2/models/mock/stats'));
    expect((await statistics.json()).model_stats[0]).toMatchObject({ inference_count: 1 });
    const large = await first(
      new Request('http://test/v2/models/mock/infer', {
        method: 'POST',
        body: JSON.stringify({ inputs: [{ name: 'x', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] }] }),
      }),
    );
    expect(large.status).toBe(413);
    await runner.close();
  });

  it('has its options from createModelHost alone', async () => {
    const { runner } = await mock();
    const host = createModelHost(runner, { logger: silent });
    expect(() => createHandler(host, { maxBodyBytes: 10 })).toThrowError(/"maxBodyBytes" is the host's/);
    expect(() => createHandler(host, { logger: silent })).not.toThrow();
    expect(() => createModelHost(runner, { guard: 'none' as unknown as Guard })).toThrowError(/guard/);
    expect(() => createModelHost(runner, { observers: [{} as CallObserver] })).toThrowError(/observers\.0/);
    await runner.close();
  });
});

describe('a guard', () => {
  it('is asked before the body is read, and its refusals are 401 and 403', async () => {
    const { runner, backend } = await mock();
    const seen: [string, string | undefined][] = [];
    const guard: Guard = {
      admit({ operation, model, header }) {
        seen.push([operation, model]);
        if (operation === 'health') return undefined;
        const key = header('authorization');
        if (!key) throw new FairleadError('UNAUTHENTICATED', 'Send a key.', { details: { challenge: 'Key' } });
        if (key !== 'Key good') throw new FairleadError('FORBIDDEN', 'This key may not ask this model.');
        return { id: 'good', scheme: 'key' };
      },
    };
    const handle = createHandler(runner, { guard, logger: silent });
    const missing = infer();
    const refused = await handle(missing);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Key');
    expect(await refused.json()).toMatchObject({ code: 'UNAUTHENTICATED', error: 'Send a key.' });
    expect(missing.bodyUsed).toBe(false);
    expect((await handle(infer({ authorization: 'Key bad' }))).status).toBe(403);
    expect(backend.calls).toHaveLength(0);
    expect((await handle(infer({ authorization: 'Key good' }))).status).toBe(200);
    expect((await handle(new Request('http://test/v2/health/ready'))).status).toBe(200);
    expect((await handle(new Request('http://test/v2/models/mock'))).status).toBe(401);
    expect(seen.map(([operation]) => operation)).toEqual(['infer', 'infer', 'infer', 'health', 'metadata']);
    expect(seen[0]).toEqual(['infer', 'mock']);
    await runner.close();
  });

  it('is waited for, whoever made its promise', async () => {
    const { runner } = await mock();
    const refusal = new FairleadError('FORBIDDEN', 'Not you.');
    // Of another realm, as in some test runners, so no instance of the Promise here.
    const reject = runInNewContext('(error) => Promise.reject(error)') as (error: Error) => Promise<never>;
    const guard: Guard = { admit: () => reject(refusal) };
    const handle = createHandler(runner, { guard, logger: silent });
    expect((await handle(infer())).status).toBe(403);
    await runner.close();
  });

  it('may decide later', async () => {
    const { runner } = await mock();
    const watched = recorder();
    const guard: Guard = { admit: async () => ({ id: 'late', scheme: 'key' }) };
    const handle = createHandler(runner, { guard, observers: [watched], logger: silent });
    expect((await handle(infer())).status).toBe(200);
    expect(watched.outcomes[0]?.principal).toEqual({ id: 'late', scheme: 'key' });
    await runner.close();
  });
});

describe('an observer', () => {
  it('hears of every call, and how it ended', async () => {
    const { runner } = await mock();
    const watched = recorder();
    const handle = createHandler(runner, { observers: [watched], logger: silent });
    await handle(infer());
    await handle(infer({}, ['one', 2]));
    await handle(new Request('http://test/v2/models/none'));
    expect(watched.arrivals).toMatchObject([
      { protocol: 'open-inference', operation: 'infer', model: 'mock', version: undefined },
      { operation: 'infer' },
      { operation: 'metadata', model: 'none' },
    ]);
    expect(watched.outcomes).toMatchObject([
      { code: undefined, facts: { rows: 1, batchSize: 1, model: { name: 'mock', version: '1' } } },
      { code: 'INVALID_INPUT', facts: undefined },
      { code: 'NOT_FOUND', facts: undefined },
    ]);
    await runner.close();
  });

  it('learns which model was served, when each part ended, and of a load that failed', async () => {
    const { runner } = await mock();
    const watched = recorder();
    const repository = createModelRepository({ known: () => Promise.reject(new Error('disk')) }, { logger: silent });
    const handle = createHandler({ served: runner }, { observers: [watched], repository, logger: silent });
    const post = (path: string, body: string) => handle(new Request(`http://test${path}`, { method: 'POST', body }));
    const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });
    await post('/v2/models/served/infer', body);
    await post('/v2/models/served/infer', '{}');
    await post('/v2/models/made-up/infer', body);
    expect((await post('/v2/repository/models/known/load', '')).status).toBe(500);
    expect((await post('/v2/repository/models/made-up/unload', '')).status).toBe(404);
    expect(watched.outcomes.map(({ served, code }) => [served, code])).toEqual([
      ['served', undefined],
      ['served', 'INVALID_INPUT'],
      [undefined, 'NOT_FOUND'],
      ['known', 'RUN_FAILED'],
      [undefined, 'NOT_FOUND'],
    ]);
    const [first] = watched.outcomes;
    const { receivedMs = -1, readMs = -1, answeredMs = -1, writtenMs = -1 } = first?.facts?.moments ?? {};
    const inOrder = [0, receivedMs, readMs, answeredMs, writtenMs, first?.durationMs ?? -1];
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    await repository.close();
    await runner.close();
  });

  it('may give the work a context, the one named first the innermost', async () => {
    const { runner } = await mock();
    const entered: string[] = [];
    const around = (name: string): CallObserver => ({
      begin: () => ({
        within(work) {
          entered.push(name);
          return work();
        },
        end() {},
      }),
    });
    const handle = createHandler(runner, { observers: [around('a'), recorder(), around('b')], logger: silent });
    expect((await handle(infer())).status).toBe(200);
    expect((await handle(infer({}, ['x', 2]))).status).toBe(400);
    expect(entered).toEqual(['b', 'a', 'b', 'a']);
    await runner.close();
  });

  it('that fails spoils no answer', async () => {
    const { runner } = await mock();
    const failing: CallObserver = {
      begin: () => ({
        end() {
          throw new Error('full');
        },
      }),
    };
    const broken: CallObserver = {
      begin() {
        throw new Error('broken');
      },
    };
    const said: string[] = [];
    const logger: Logger = { ...silent, error: (_details, message) => void said.push(message ?? '') };
    const handle = createHandler(runner, { observers: [failing, broken], logger });
    expect((await handle(infer())).status).toBe(200);
    expect(said).toEqual(['An observer of calls failed: broken', 'An observer of calls failed: full']);
    await runner.close();
  });
});

describe('protocols', () => {
  it('are those that were given, of which the first answers a path that two have', async () => {
    const { runner } = await mock();
    const named = (name: string): ServingProtocol => ({
      name,
      addRoutes(routes, { host }) {
        routes.add('GET', '/who', 'documentation', () => jsonResponse(200, JSON.stringify(name)));
        const use = { operation: 'infer', model: () => host.catalog.all()[0]?.name } as const;
        routes.add('DELETE', `/${name}`, use, (request, _parameters, call) =>
          jsonResponse(200, JSON.stringify([request.query, call.model, call.protocol])),
        );
      },
    });
    const handle = createHandler(runner, { protocols: [named('one'), named('two')], logger: silent });
    expect(await (await handle(new Request('http://test/who'))).json()).toBe('one');
    const answer = await handle(new Request('http://test/two?a=b%20c', { method: 'DELETE' }));
    expect(await answer.json()).toEqual(['a=b%20c', 'mock', 'two']);
    expect((await handle(infer())).status).toBe(404);
    await runner.close();
  });
});
