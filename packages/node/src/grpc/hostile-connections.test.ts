import { type ClientHttp2Session, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type ModelRunner, systemClock } from '@fairlead/core';
import { status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { echo, keeping } from './grpc.fixture';
import {
  begin,
  byteByByteSession,
  framed,
  good,
  hostileSession,
  inferPath,
  send,
  stillAnswers,
  streamPath,
} from './hostile.fixture';
import { type GrpcServer, type ServeGrpcOptions, serveGrpc } from './index';

/* What a connection can do beside sending messages: floods of small frames, and calls that neither end nor are read. */

let runner: ModelRunner;
let server: GrpcServer;
let logger: ReturnType<typeof keeping>;
const open: { destroy(): void }[] = [];

beforeEach(async () => {
  runner = await echo('float32');
  logger = keeping();
});
afterEach(async () => {
  for (const each of open.splice(0)) each.destroy();
  await server.close();
  await runner.close();
});

async function start(options: ServeGrpcOptions = {}): Promise<void> {
  server = await serveGrpc({ m: runner }, { port: 0, logger, drainDelayMs: 0, ...options });
}

function connect(options?: Parameters<typeof hostileSession>[1]): ClientHttp2Session {
  const session = hostileSession(server.address, options);
  open.push(session);
  return session;
}

const closed = (each: { once(event: 'close', listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => void each.once('close', () => resolve()));

/** A frame of HTTP/2. */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
const [headersFrame, settingsFrame, pingFrame, continuationFrame] = [1, 4, 6, 9];
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(settingsFrame, 0, 0, Buffer.alloc(0)),
]);

/** Sends frames again and again, and reads nothing, until the server hangs up or so many have gone. */
async function flood(frames: Buffer, times: number, first: Buffer = Buffer.alloc(0)): Promise<void> {
  const socket: Socket = connectTcp(server.port, '127.0.0.1');
  open.push(socket);
  socket.on('error', () => {});
  const over = closed(socket);
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  socket.write(Buffer.concat([preface, first]));
  const burst = Buffer.concat(Array.from({ length: 100 }, () => frames));
  for (let sent = 0; sent < times && !isOver; sent += 100) {
    if (socket.write(burst)) continue;
    await Promise.race([over, new Promise<void>((resolve) => void socket.once('drain', resolve))]);
  }
  // What is left is read, so that the end is heard of.
  socket.resume();
  socket.end();
  await over;
}

describe('floods, of which the next client sees nothing', () => {
  it('of calls that are taken back at once: their connection is closed', async () => {
    await start();
    const session = connect();
    const over = closed(session);
    for (let round = 0; round < 100 && !session.destroyed && !session.closed; round++) {
      const streams = Array.from({ length: 50 }, () => {
        const stream = begin(session, inferPath);
        const ended = closed(stream);
        stream.close(constants.NGHTTP2_CANCEL);
        return ended;
      });
      await Promise.all(streams);
    }
    await over;
    await stillAnswers(server.address);
  });

  it('of pings, settings, and headers that do not end', async () => {
    await start();
    await flood(frame(pingFrame, 0, 0, Buffer.alloc(8)), 50_000);
    await flood(frame(settingsFrame, 0, 0, Buffer.alloc(0)), 50_000);
    // A header that is new each time, ten thousand times, without an end.
    const part = Buffer.concat([Buffer.from([0, 1]), Buffer.from('x'), Buffer.from([100]), Buffer.alloc(100, 'y')]);
    await flood(frame(continuationFrame, 0, 1, part), 10_000, frame(headersFrame, 0, 1, part));
    await stillAnswers(server.address);
  });

  it('of calls that send nothing: no more are let in than a connection may have, and each is given up', async () => {
    await start({ maxConcurrentStreams: 20, requestTimeoutMs: 50 });
    const session = connect();
    await new Promise<void>((resolve) => void session.once('remoteSettings', () => resolve()));
    const statuses = Array.from({ length: 60 }, () => statusOf(begin(session, inferPath)));
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([String(Status.DEADLINE_EXCEEDED)]));
    await stillAnswers(server.address);
  });
});

function statusOf(stream: ReturnType<typeof begin>): Promise<unknown> {
  return new Promise((resolve) => {
    let status: unknown;
    const keep = (found: Record<string, unknown>): void => {
      status = found['grpc-status'] ?? status;
    };
    stream.on('response', keep).on('trailers', keep);
    stream.on('close', () => resolve(status));
  });
}

describe('clients that stop', () => {
  it('sending in the middle of a message: the call is given up, and its stream closed for them', async () => {
    await start({ requestTimeoutMs: 50 });
    for (const path of [inferPath, streamPath]) {
      const stream = begin(connect(), path);
      const status = statusOf(stream);
      // The stream ends though its client never says that it sends no more.
      stream.write(framed(good).subarray(0, 20));
      expect(await status).toBe(String(Status.DEADLINE_EXCEEDED));
    }
    await stillAnswers(server.address);
  });

  it.each([
    ['an answer', inferPath],
    ['a stream of answers', streamPath],
  ])('reading %s: the call is cut off, and the log told', async (_what, path) => {
    await start({ answerTimeoutMs: 50 });
    // A client that lets no byte of an answer through.
    const session = connect({ settings: { initialWindowSize: 0 } });
    const stream = begin(session, path);
    stream.write(Buffer.concat(Array.from({ length: path === streamPath ? 100 : 1 }, () => framed(good))));
    if (path !== streamPath) stream.end();
    await closed(stream);
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(logger.said).toEqual([expect.stringContaining('did not read its answer within 50 ms')]);
    expect(session.destroyed).toBe(false);
    await stillAnswers(server.address);
  });

  it('closing: a server that drains waits for no connection that only stays', async () => {
    await start({ drainTimeoutMs: 2 ** 31 - 1 });
    const socket = connectTcp({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    open.push(socket);
    socket.write(preface);
    // Its greeting has come.
    await new Promise<void>((resolve) => void socket.once('data', () => resolve()));
    socket.resume();
    await server.close();
    expect(logger.said).toEqual([]);
  });
});

it('packed messages count with what they unpack to, all of them together', async () => {
  const unpacked = 1_000_000;
  await start({ maxBodyBytes: unpacked, maxConcurrentBodyBytes: 1_500_000 });
  const session: ClientHttp2Session = connect();
  const bomb = framed(gzipSync(Buffer.alloc(unpacked)), undefined, 1);
  const statuses = await Promise.all(
    Array.from({ length: 30 }, () => send(session, inferPath, bomb, { 'grpc-encoding': 'gzip' })),
  );
  // Those that found room are no message at all.
  expect(new Set(statuses)).toEqual(new Set([Status.INVALID_ARGUMENT, Status.RESOURCE_EXHAUSTED]));
  await stillAnswers(server.address);
});

describe('a message in frames of a byte', () => {
  beforeEach(async () => {
    // Time stands still, so that none of it lets more frames pass.
    await start({ clock: { ...systemClock, now: () => 0 } });
  });

  it.each([
    ['a message', inferPath],
    ['a stream', streamPath],
  ])('is read where it is short: %s', async (_what, path) => {
    const session = byteByByteSession(server.address);
    open.push(session);
    expect(await send(session, path, framed(good))).toBe(Status.OK);
  });

  it.each([
    ['a message', inferPath, framed(Buffer.alloc(20_000))],
    ['a stream', streamPath, Buffer.concat(Array.from({ length: 600 }, () => framed(good)))],
  ])('is refused where it is long: %s', async (_what, path, body) => {
    expect(body.byteLength).toBeGreaterThan(18_000);
    const session = byteByByteSession(server.address);
    open.push(session);
    expect(await send(session, path, body)).toBe(Status.INVALID_ARGUMENT);
    await stillAnswers(server.address);
  });
});
