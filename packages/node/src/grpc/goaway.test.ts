import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { ModelRunner, Tensor } from '@fairlead/core';
import { afterEach, describe, expect, it } from 'vitest';
import { mock, silent } from './grpc.fixture';
import { type GrpcServer, remoteGrpc, serveGrpc } from './index';

/* Calls that cross with the word of a server that it closes its connection. */

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** What a front does with a call; undefined passes it on. */
type Refusal = ((stream: ServerHttp2Stream) => void) | undefined;

/** A server that passes calls on to another, but those to `ModelInfer` that it is told not to. */
async function front(behind: GrpcServer, refusalOf: (connection: number) => Refusal) {
  const inner: ClientHttp2Session = connect(`http://${behind.address}`);
  const server: Http2Server = createServer();
  const seen = { connections: 0, inferences: 0 };
  server.on('session', (session) => {
    const connection = ++seen.connections;
    closers.push(() => session.destroy());
    session.on('error', () => {});
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on('error', () => {});
      const isInference = headers[':path']?.endsWith('/ModelInfer') === true;
      if (isInference) seen.inferences++;
      const refuse = isInference ? refusalOf(connection) : undefined;
      if (refuse === undefined) passOn(inner, stream, headers);
      else refuse(stream);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closers.push(() => {
    server.close();
    inner.destroy();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function passOn(inner: ClientHttp2Session, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const { ':authority': _authority, ...others } = headers;
  const call = inner.request(others);
  call.on('error', () => {});
  let trailers: IncomingHttpHeaders = {};
  call.on('trailers', (found) => {
    trailers = found;
  });
  call.on('response', (found) => stream.respond(found, { waitForTrailers: true }));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.pipe(call).pipe(stream);
}

/** Closes the connection as if the call had come too late for it: with the number of the last one before. */
const crossing: Refusal = ({ session, id = 1 }) => {
  if (session === undefined || sentAway.has(session)) return;
  sentAway.add(session);
  session.goaway(NGHTTP2_NO_ERROR, id - 2);
};
const sentAway = new WeakSet<Http2Session>();

/** Gives back the one stream, and the connection goes on. */
const refusing: Refusal = (stream) => stream.close(NGHTTP2_REFUSED_STREAM);

/** A model behind a front, and a client of the front. */
async function served(refusalOf: (connection: number) => Refusal) {
  const computed = { rows: 0 };
  const runner: ModelRunner = await mock({
    signature: {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'width'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'width'] }],
      batchAxis: 0,
    },
    compute: ({ x }, rows) => {
      computed.rows += rows;
      return { y: x as Tensor };
    },
  });
  const behind = await serveGrpc({ m: runner }, { port: 0, logger: silent, drainDelayMs: 0 });
  closers.push(
    () => runner.close(),
    () => behind.close(),
  );
  const { address, seen } = await front(behind, refusalOf);
  const remote = await remoteGrpc({ url: address, model: 'm', logger: silent });
  closers.push(() => remote.close());
  const ask = (width = 3) => {
    const data = Float32Array.from({ length: width }, (_, index) => index);
    return remote.run({ x: { dtype: 'float32', shape: [1, width], data } });
  };
  return { ask, seen, computed };
}

describe('a call that crosses with a GOAWAY', () => {
  it('was not begun, and is sent once more, on a new connection', async () => {
    const { ask, seen, computed } = await served((connection) => (connection === 1 ? crossing : undefined));
    expect((await ask()).outputs.y?.data).toEqual(Float32Array.of(0, 1, 2));
    expect(seen).toEqual({ connections: 2, inferences: 2 });
    expect(computed.rows).toBe(1);
  });

  it('is sent again whatever its size', async () => {
    const { ask, computed } = await served((connection) => (connection === 1 ? crossing : undefined));
    expect((await ask(500_000)).outputs.y?.data[499_999]).toBe(499_999);
    expect(computed.rows).toBe(1);
  });

  it('is one of many, each of which is computed once', async () => {
    let left = 1;
    const { ask, seen, computed } = await served((connection) => {
      if (connection > 1) return undefined;
      // The first is taken; the second and what comes behind it is too late.
      return left-- > 0 ? undefined : crossing;
    });
    await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(computed.rows).toBe(20);
    expect(seen.connections).toBe(2);
  });

  it('is not sent again when it may have begun', async () => {
    const { ask, seen } = await served(() => (stream) => {
      const { session, id = 1 } = stream;
      session?.goaway(NGHTTP2_NO_ERROR, id);
      session?.ping(() => session.destroy());
    });
    await expect(ask()).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect(seen.inferences).toBe(1);
  });
});

describe('a call for which a server has no stream to spare', () => {
  it('is sent once more', async () => {
    let left = 1;
    const { ask, seen } = await served(() => (left-- > 0 ? refusing : undefined));
    await ask();
    expect(seen).toEqual({ connections: 1, inferences: 2 });
  });

  it('is sent no third time', async () => {
    const { ask, seen } = await served(() => refusing);
    await expect(ask()).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: 'The server of model "m" cannot be reached: Stream refused by server. Is the server running?',
    });
    expect(seen).toEqual({ connections: 1, inferences: 2 });
  });
});
