import type { ModelRunner, RunOptions } from '@fairlead/core';
import { type CallObserver, createModelHost } from '@fairlead/core/serving';
import { createVirtualClock } from '@fairlead/core/testing';
import { type ServiceError, status as Status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { echo, held, mock, rawClient, silent } from './grpc.fixture';
import { framed, good, hostileSession, inferPath, send } from './hostile.fixture';
import { type GrpcServer, type ServeGrpcOptions, serveGrpc } from './index';
import { retryAfterOf } from './status/error-details';

let server: GrpcServer | undefined;
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) each.close();
  await server?.close();
});

async function start(runner: ModelRunner, options: ServeGrpcOptions = {}): Promise<GrpcServer> {
  server = await serveGrpc({ m: runner }, { port: 0, logger: silent, drainDelayMs: 0, drainTimeoutMs: 0, ...options });
  return server;
}

/** Asks with a header of its own, as no client lets one. */
async function askWithin(address: string, timeout: string | undefined): Promise<number | undefined> {
  const session = hostileSession(address);
  const headers: Record<string, string> = timeout === undefined ? {} : { 'grpc-timeout': timeout };
  const status = await send(session, inferPath, framed(good), headers);
  session.destroy();
  return status;
}

describe('the deadline of a call', () => {
  it('is the deadline of the run', async () => {
    const runner = await echo('float32');
    const given: (RunOptions | undefined)[] = [];
    const noting: ModelRunner = {
      ...runner,
      run: (inputs, options) => {
        given.push(options);
        return runner.run(inputs, options);
      },
    };
    const host = createModelHost({ m: noting }, { logger: silent, clock: createVirtualClock() });
    server = await serveGrpc(host, { port: 0, drainDelayMs: 0 });
    for (const timeout of [undefined, '10S', '60000m', '1H']) {
      expect(await askWithin(server.address, timeout)).toBe(Status.OK);
    }
    const [none, ...bounded] = given.map((options) => options?.timeoutMs);
    expect(none).toBeUndefined();
    for (const [index, most] of [10_000, 60_000, 3_600_000].entries()) {
      expect(bounded[index]).toBeLessThanOrEqual(most);
      expect(bounded[index]).toBeGreaterThan(0);
    }
    await runner.close();
  });

  it('ends a request that waits or computes, on both sides', async () => {
    const { runner, release } = await held();
    const codes: unknown[] = [];
    let ended = (): void => {};
    const both = new Promise<void>((resolve) => {
      ended = () => codes.length === 2 && resolve();
    });
    const observer: CallObserver = {
      begin: () => ({
        end: ({ code }) => {
          codes.push(code);
          ended();
        },
      }),
    };
    const { address } = await start(runner, { observers: [observer] });
    const asked = [askWithin(address, '200m'), askWithin(address, '200m')];
    expect(await Promise.all(asked)).toEqual([Status.DEADLINE_EXCEEDED, Status.DEADLINE_EXCEEDED]);
    await both;
    expect(codes).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
    release();
    await runner.close();
  });

  it('that has passed already is told so', async () => {
    const runner = await echo('float32');
    const { address } = await start(runner);
    expect(await askWithin(address, '0m')).toBe(Status.DEADLINE_EXCEEDED);
    await runner.close();
  });
});

describe('an overload', () => {
  /** What a refused client is told of the time, by gRPC's retry policies and by Google's details. */
  function timesOf({ code, metadata }: ServiceError): readonly [code: number, pushbackMs: number, detailsMs: unknown] {
    const of = (key: string) => metadata.get(key)[0];
    return [code, Number(of('grpc-retry-pushback-ms')), retryAfterOf(of('grpc-status-details-bin') as Buffer)];
  }

  it.each<[what: string, queue: object, options: ServeGrpcOptions]>([
    ["of the model's queue", { maxBatchRows: 1, maxQueueRows: 1 }, {}],
    ['of the server', {}, { maxConcurrentRequests: 2 }],
  ])('%s says when to try again', async (_what, queue, options) => {
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3] });
    const never = () => new Promise<never>(() => {});
    const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
    const { address } = await start(await mock({ signature, compute: never }, '1', queue), options);
    const client = rawClient(address);
    open.push(client);
    const calls = Array.from({ length: 4 }, () =>
      client.call(inferPath, good).then(
        () => undefined,
        (error: ServiceError) => error,
      ),
    );
    const refused = timesOf((await Promise.race(calls)) as ServiceError);
    expect(refused).toEqual([Status.RESOURCE_EXHAUSTED, refused[1], refused[1]]);
    expect(refused[1]).toBeGreaterThan(0);
  });
});
