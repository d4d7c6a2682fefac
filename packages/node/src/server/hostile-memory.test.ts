import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { begin, framed, hostileSession, inferPath, send, streamPath } from '../grpc/hostile.fixture';

/*
 * What hostile requests leave behind, in a process of its own: after some thousand of every kind, and a collection, as much is held as
 * before them. Two kilobytes kept of each would be seen.
 */

const script = fileURLToPath(new URL('fixtures/memory-child.ts', import.meta.url));
const rounds = 40;
/** Bytes that the process may hold more after all rounds; pools and compiled code grow a little. */
const maxGrowth = 8 * 1024 * 1024;
/** What the system counts goes up with every burst, and comes down late or never; so this bound is a wide one. */
const maxRssGrowth = 200 * 1024 * 1024;

interface Memory {
  readonly held: number;
  readonly rss: number;
}

describe('memory under hostile traffic', { timeout: 300_000 }, () => {
  let child: ChildProcess;
  let httpPort: number;
  let address: string;

  beforeAll(async () => {
    child = fork(script, { execArgv: ['--expose-gc', '--import', 'tsx'] });
    [{ httpPort, address }] = (await once(child, 'message')) as [{ httpPort: number; address: string }];
  }, 60_000);
  afterAll(() => {
    child.kill('SIGKILL');
  });

  const measure = async (): Promise<Memory> => {
    const answer = once(child, 'message');
    child.send('measure');
    return ((await answer) as [Memory])[0];
  };

  /**
   * Runs a round until everything is warm, and then often; what is held comes back to what it was, once the last connections have ended.
   */
  async function expectFlat(round: () => Promise<void>): Promise<void> {
    for (let warm = 0; warm < rounds / 2; warm++) await round();
    const before = await measure();
    for (let index = 0; index < rounds; index++) await round();
    await vi.waitFor(
      async () => {
        const after = await measure();
        expect(after.held - before.held).toBeLessThan(maxGrowth);
        expect(after.rss - before.rss).toBeLessThan(maxRssGrowth);
      },
      { timeout: 60_000, interval: 500 },
    );
    expect(child.exitCode).toBeNull();
  }

  it('of gRPC is flat over 5,000 requests', async () => {
    const bombs = [gzipSync, deflateSync].map((pack) => framed(pack(Buffer.alloc(5_000_000)), undefined, 1));
    const garbage = Buffer.alloc(20_000, 0x2a);
    const header = { 'x-padding': 'y'.repeat(2000) };
    const round = async (): Promise<void> => {
      const session = hostileSession(address);
      const whole = [
        ...[0, 1].flatMap((index) => {
          const encoding = { 'grpc-encoding': index === 0 ? 'gzip' : 'deflate' };
          return Array.from({ length: 10 }, () => send(session, inferPath, bombs[index] as Buffer, encoding));
        }),
        ...Array.from({ length: 20 }, () => send(session, inferPath, framed(garbage))),
        ...Array.from({ length: 20 }, () => send(session, streamPath, Buffer.concat(Array(5).fill(framed(garbage))))),
        ...Array.from({ length: 20 }, () => send(session, inferPath, framed(garbage, 2 ** 32 - 1))),
        ...Array.from({ length: 20 }, (_, index) => send(session, `/no.Service/m${index}`, framed(garbage), header)),
      ];
      // Cut off in the middle of a message, by a connection that goes away.
      const cut = Array.from({ length: 25 }, () => {
        const stream = begin(session, inferPath, header);
        stream.write(framed(garbage).subarray(0, 10_000));
        return new Promise<void>((resolve) => void stream.once('close', () => resolve()));
      });
      await Promise.all(whole);
      session.destroy();
      await Promise.all(cut);
    };
    await expectFlat(round);
  });

  it('of HTTP is flat over 4,000 requests', async () => {
    const path = '/v2/models/m/infer';
    const head = (...headers: string[]) =>
      [`POST ${path} HTTP/1.1`, 'host: x', 'connection: close', ...headers, '', ''].join('\r\n');
    const bomb = gzipSync(Buffer.alloc(5_000_000));
    const requests: (string | Buffer)[][] = [
      // A body that is cut off, one that says too little, and one that is none.
      [head('content-length: 500000'), Buffer.alloc(20_000, '[')],
      [head('content-length: 20'), Buffer.alloc(20_000, '[')],
      [head('transfer-encoding: chunked'), 'fffffff\r\n', Buffer.alloc(20_000, 'x')],
      [head('content-length: 20000'), Buffer.alloc(20_000, '{')],
      [head('content-length: 999999999')],
      [head(`content-length: ${bomb.length}`, 'content-encoding: gzip'), bomb],
      [head('content-length: 2', 'inference-header-content-length: 99999'), '{}'],
      [head(...Array.from({ length: 100 }, (_, index) => `x-${index}: ${'y'.repeat(200)}`))],
      [`GET /v2/models/${'../'.repeat(500)}etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`],
      [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ];
    const ask = (parts: readonly (string | Buffer)[]): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(httpPort, '127.0.0.1', () => {
          for (const part of parts) socket.write(part);
          socket.end();
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve());
        socket.resume();
      });
    const round = async (): Promise<void> => {
      await Promise.all(requests.flatMap((parts) => Array.from({ length: 10 }, () => ask(parts))));
    };
    await expectFlat(round);
  });
});
