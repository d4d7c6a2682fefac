import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { systemClock } from '@fairlead/core';
import { afterEach, describe, expect, it } from 'vitest';
import { readRequestBody } from './request-body';
import { ServedRequest } from './served-request';
import { toServiceRequest } from './service-request';

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server whose answer is what `read` made of the body. */
async function start(read: (request: ServedRequest) => Promise<string>): Promise<number> {
  const server = createServer({ IncomingMessage: ServedRequest }, (request, response) => {
    read(request).then(
      (text) => response.end(text),
      (error: Error & { code?: string }) => {
        response.writeHead(500, { connection: 'close' }).end(error.code ?? error.message);
      },
    );
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Writes to a socket, and gives all that comes back until `count` answers are there, or the connection is closed. */
function answers(port: number, count: number, ...parts: readonly string[]): Promise<string[]> {
  return new Promise((resolve) => {
    let text = '';
    const bodies = (): string[] =>
      [...text.matchAll(/HTTP\/1\.1 \d+.*?\r\n\r\n(.*?)(?=HTTP\/1\.1|$)/gs)].map(([, body]) => body ?? '');
    const socket = connect(port, '127.0.0.1', async () => {
      for (const part of parts) {
        await new Promise<void>((written) => void socket.write(part, () => written()));
        await new Promise((turn) => setImmediate(turn));
      }
    });
    sockets.push(socket);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (bodies().filter((body) => body !== '').length >= count) resolve(bodies());
    });
    socket.on('error', () => {}).on('close', () => resolve(bodies()));
  });
}

const post = (body: string, length = body.length): string =>
  `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n${body}`;
const wholeText = async (request: IncomingMessage): Promise<string> =>
  `[${Buffer.from(await readRequestBody(request, 100)).toString()}]`;

describe('a body that is taken from the parser', () => {
  it('is the same in however many pieces it comes, and the next one on its connection too', async () => {
    const port = await start(wholeText);
    expect(await answers(port, 3, post('one'), post('').slice(0, -2), '\r\n', post('three'))).toEqual([
      '[one]',
      '[]',
      '[three]',
    ]);
    expect(await answers(port, 1, ...post('in single bytes'))).toEqual(['[in single bytes]']);
    const chunked = 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(await answers(port, 2, `${chunked}3\r\nabc\r\n`, `2\r\nde\r\n0\r\n\r\n${post('!')}`)).toEqual([
      '[abcde]',
      '[!]',
    ]);
  });

  it('of requests that come one behind the other is of each its own', async () => {
    const port = await start(wholeText);
    expect(await answers(port, 3, post('a') + post('') + post('c'))).toEqual(['[a]', '[]', '[c]']);
  });

  it('is still read when it has come before anybody asks', async () => {
    const port = await start(async (request) => {
      await new Promise((turn) => setImmediate(turn));
      expect(request.complete).toBe(true);
      return wholeText(request);
    });
    expect(await answers(port, 2, post('late') + post(''))).toEqual(['[late]', '[]']);
  });

  it('is not taken twice, nor from a stream that somebody reads', async () => {
    const nothing = { onPiece: () => true, onEnd() {}, onBroken() {} };
    const port = await start(async (request) => {
      request.resume();
      return String(request.takeBody(nothing));
    });
    expect(await answers(port, 1, post('x'))).toEqual(['false']);
  });

  it('leaves to the stream what it does not take', async () => {
    const port = await start(async (request) => {
      await expect(readRequestBody(request, 5)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
      let rest = '';
      for await (const chunk of request) rest += chunk;
      return rest;
    });
    const chunked = 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(
      await answers(
        port,
        2,
        chunked,
        '3\r\nabc\r\n',
        '4\r\ndefg\r\n',
        `1\r\nh\r\n0\r\n\r\n${chunked}6\r\nsecond\r\n0\r\n\r\n`,
      ),
    ).toEqual(['defgh', 'second']);
  });

  it('tells that its client left before its end', async () => {
    let told: (error: unknown) => void = () => {};
    const failure = new Promise((resolve) => {
      told = resolve;
    });
    const port = await start((request) => {
      const reading = wholeText(request);
      reading.catch(told);
      return reading;
    });
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': '10' } });
    request.on('error', () => {});
    request.write('half', () => request.destroy());
    expect(await failure).toMatchObject({ code: 'ABORTED' });
  });
});

describe('a body that nobody has asked for yet', () => {
  const someTurns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
  };

  it('waits aside, and is whole for whoever takes it, or reads it as a stream', async () => {
    const port = await start(async (request) => {
      await someTurns();
      return wholeText(request);
    });
    expect(await answers(port, 2, post('one'), post('two'))).toEqual(['[one]', '[two]']);
    const streamed = await start(async (request) => {
      await someTurns();
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece);
      return `(${Buffer.concat(pieces).toString()})`;
    });
    expect(await answers(streamed, 2, post('one'), post('two'))).toEqual(['(one)', '(two)']);
  });

  it('is not read on beyond a bound, and then to its end', async () => {
    const large = 'x'.repeat(8 * 2 ** 20);
    let bytesEarly = 0;
    const port = await start(async (request) => {
      await someTurns();
      bytesEarly = request.socket.bytesRead;
      return `[${(await readRequestBody(request, 2 ** 24)).byteLength}]`;
    });
    expect(await answers(port, 1, post(large))).toEqual([`[${large.length}]`]);
    expect(bytesEarly).toBeGreaterThan(0);
    expect(bytesEarly).toBeLessThan(2 ** 20);
  });

  it('may be dropped, and the next request on its connection is read', async () => {
    const port = await start(async (request) => {
      const { url } = request;
      if (url === '/') return wholeText(request);
      if (url === '/later') await someTurns();
      request.dropBody();
      return `dropped ${url}`;
    });
    const to = (path: string, body: string): string => post(body).replace('POST /', `POST ${path}`);
    const all = [to('/now', 'none of this'), to('/', 'this'), to('/later', 'nor this'), to('/', 'and this')];
    expect(await answers(port, 4, ...all)).toEqual(['dropped /now', '[this]', 'dropped /later', '[and this]']);
  });
});

describe('a body that nobody needs any more', () => {
  const settings = {
    target: '/',
    peer: {},
    delay: { beforeMs: 0 },
    proceed: undefined,
    onStream: () => {},
    clock: systemClock,
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
  };
  const body = 'x'.repeat(3 * 2 ** 20);
  /** Bytes of the body before and after it is released. */
  const sizes = async (request: IncomingMessage): Promise<string> => {
    const asked = toServiceRequest(request, settings);
    const bytes = await asked.body(2 ** 23);
    const before = bytes.byteLength;
    asked.release?.();
    return `[${before} ${bytes.byteLength}]`;
  };

  it('gives its memory back at once, in one piece or in many', async () => {
    const port = await start(sizes);
    expect(await answers(port, 1, post(body))).toEqual([`[${body.length} 0]`]);
  });

  it('leaves the pieces of a stream alone, which may have given them to others', async () => {
    const pieces: Buffer[] = [];
    const port = await start((request) => {
      request.on('data', (piece: Buffer) => void pieces.push(piece));
      return sizes(request);
    });
    expect(await answers(port, 1, post(body))).toEqual([`[${body.length} 0]`]);
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(body.length);
  });
});
