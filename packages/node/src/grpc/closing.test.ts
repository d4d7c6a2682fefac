import { createVirtualClock } from '@fairlead/core/testing';
import { status as Status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { echo, held, keeping, rawClient, silent } from './grpc.fixture';
import { framed, good, hostileSession, inferPath, send, streamPath } from './hostile.fixture';
import { remoteGrpc, type ServeGrpcOptions, serveGrpc } from './index';
import * as messages from './inference/messages';

const quick = { port: 0, logger: silent, drainDelayMs: 0 } satisfies ServeGrpcOptions;

describe('closing', () => {
  it('answers what was accepted, and takes nothing more', async () => {
    const { runner, started, release } = await held();
    const server = await serveGrpc({ m: runner }, quick);
    const remote = await remoteGrpc({ url: server.address, model: 'm', logger: silent, timeoutMs: 5000 });
    const accepted = remote.run({ x: Float32Array.of(1, 2, 3) });
    await started;
    const closing = server.close();
    await expect(remoteGrpc({ url: server.address, model: 'm', timeoutMs: 2000 })).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
    });
    release();
    expect((await accepted).outputs.y?.data[0]).toBe(1);
    await closing;
    await remote.close();
    await runner.close();
  });

  it('aborts what is not done in time, and says so', async () => {
    const logger = keeping();
    const { runner, started, release } = await held();
    const server = await serveGrpc({ m: runner }, { ...quick, logger, drainTimeoutMs: 20 });
    const client = rawClient(server.address);
    const stuck = client.call(inferPath, good).catch((error) => error);
    await started;
    await server.close();
    expect(await stuck).toMatchObject({ code: Status.UNAVAILABLE, details: expect.stringContaining('closing') });
    expect(logger.said.join()).toContain('1 calls were not done after 20 ms');
    client.close();
    release();
    await runner.close();
  });

  it('waits for the calls of a client that has begun to close as well', async () => {
    const clock = createVirtualClock();
    const { runner, started, release } = await held();
    const server = await serveGrpc({ m: runner }, { ...quick, clock });
    const session = hostileSession(server.address);
    const accepted = send(session, inferPath, framed(good));
    await started;
    session.goaway();
    // The server has heard of it.
    await new Promise<void>((resolve) => void session.ping(() => resolve()));
    const closing = server.close();
    // Longer than connections have to end by themselves.
    await clock.advance(5000);
    release();
    expect(await accepted).toBe(Status.OK);
    await closing;
    await runner.close();
  });

  it('hands over to others on its port: accepts nothing more, answers who is there, and stays ready', async () => {
    const clock = createVirtualClock();
    const runner = await echo('float32');
    const server = await serveGrpc({ m: runner }, { ...quick, clock, drainDelayMs: 1000 });
    const client = rawClient(server.address);
    const ready = async () => {
      const bytes = await client.call('/inference.GRPCInferenceService/ServerReady', Buffer.alloc(0));
      return messages.ReadyResponse.decode(bytes, 0).ready;
    };
    expect(await ready()).toBe(true);
    const closing = server.close({ handsOver: true });
    expect(await ready()).toBe(true);
    await expect(remoteGrpc({ url: server.address, model: 'm', timeoutMs: 2000 })).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
    });
    await client.call(inferPath, good);
    await clock.advance(1000);
    await closing;
    client.close();
    await runner.close();
  });

  it('lets calls and streams go on until the delay is over', async () => {
    const clock = createVirtualClock();
    const runner = await echo('float32');
    const server = await serveGrpc({ m: runner }, { ...quick, clock, drainDelayMs: 1000 });
    const client = rawClient(server.address);
    const stream = client.stream(streamPath);
    stream.on('error', () => {});
    const status = new Promise((resolve) => stream.on('status', resolve));
    const answer = () =>
      new Promise<string | undefined>((resolve) =>
        stream.once('data', (bytes: Buffer) => {
          resolve(messages.ModelStreamInferResponse.decode(bytes, 100).infer_response?.model_name);
        }),
      );
    const ready = async () => {
      const bytes = await client.call('/inference.GRPCInferenceService/ServerReady', Buffer.alloc(0));
      return messages.ReadyResponse.decode(bytes, 0).ready;
    };
    expect(await ready()).toBe(true);
    const closing = server.close();
    expect(await ready()).toBe(false);
    await client.call(inferPath, good);
    const answered = answer();
    stream.write(good);
    expect(await answered).toBe('m');
    await clock.advance(1000);
    expect(await status).toMatchObject({ code: Status.UNAVAILABLE });
    await closing;
    client.close();
    await runner.close();
  });
});
