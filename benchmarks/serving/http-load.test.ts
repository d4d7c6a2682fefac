import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { driveHttp, type HttpLoad } from './http-load';
import { encodeRequest, inferPath, jsonBody, makeRows } from './requests';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  }
});

/** A server that answers what `statusOf` says to the n-th request; undefined cuts the connection. */
async function serverOf(statusOf: (index: number) => number | undefined): Promise<{ port: number; bodies: Buffer[] }> {
  const bodies: Buffer[] = [];
  let index = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks));
      const status = statusOf(index++);
      if (status === undefined) request.socket.destroy();
      else response.writeHead(status).end('done');
    });
  });
  open.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, bodies };
}

/** A server that takes 800 ms for its first answer and none for the others; `count` of the requests that came. */
async function slowAtFirst(): Promise<{ port: number; count: () => number }> {
  let requests = 0;
  const server = createServer((_request, response) => {
    if (requests++ > 0) response.end();
    else setTimeout(() => response.end(), 800);
  });
  open.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, count: () => requests };
}

const rows = makeRows(2, 8);
const load = (port: number, changes: Partial<HttpLoad> = {}): HttpLoad => ({
  port,
  requests: rows.map((row) => encodeRequest(inferPath, jsonBody(row)).toString('base64')),
  connections: 3,
  durationMs: 60,
  warmUpMs: 0,
  ...changes,
});

describe('driveHttp', () => {
  it('sends the requests in turn, whole, and counts their answers', async () => {
    const { port, bodies } = await serverOf(() => 200);
    const result = await driveHttp(load(port, { connections: 1, durationMs: 500 }));
    expect(result.statuses).toEqual({ 200: result.sent });
    expect(bodies).toHaveLength(result.sent);
    const expected = bodies.map((_, index) => String(jsonBody(rows[index % 2] as Float32Array).bytes));
    expect(bodies.map(String)).toEqual(expected);
    expect(result.perSecond).toBeGreaterThan(0);
    expect(result.p50).toBeLessThanOrEqual(result.p99);
    expect(result.p99).toBeLessThanOrEqual(result.slowest);
  });

  it('counts neither refusals nor connections that break as answers, and goes on after them', async () => {
    const { port } = await serverOf((index) => [200, 429, undefined][index % 3]);
    const { statuses, sent, perSecond } = await driveHttp(load(port, { connections: 1, durationMs: 1000 }));
    expect((statuses[200] ?? 0) + (statuses[429] ?? 0) + (statuses.broken ?? 0)).toBe(sent);
    expect(Math.min(statuses[200] ?? 0, statuses[429] ?? 0, statuses.broken ?? 0)).toBeGreaterThan(0);
    expect(perSecond).toBeGreaterThan(0);
  });

  it('keeps to a rate whatever the server does, and says what it could not send', async () => {
    const answers: (() => void)[] = [];
    const server = createServer((_request, response) => void answers.push(() => response.end()));
    open.push(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const driving = driveHttp(load(port, { perSecond: 200, connections: 2, durationMs: 500 }));
    while (answers.length < 2) await new Promise(setImmediate);
    // Held back until all that is due has come due: both connections are busy meanwhile.
    await new Promise((resolve) => void setTimeout(resolve, 550));
    for (const answer of answers) answer();
    const { sent, skipped } = await driving;
    expect(sent).toBe(2);
    expect(skipped).toBeGreaterThan(0);
    expect(sent + skipped).toBeLessThanOrEqual(101);
  });

  it('asks for the newest once a connection is free, and not for one that nobody waits for any more', async () => {
    const { port, count } = await slowAtFirst();
    const result = await driveHttp(load(port, { perSecond: 500, connections: 1, durationMs: 1200, patienceMs: 700 }));
    expect(result.late).toBe(1);
    expect(result.sent).toBeGreaterThan(1);
    expect(result.sent).toBe(count());
    expect(result.sent + result.skipped).toBeGreaterThan(550);
  });

  it('sends what has waited for a connection in its turn, and what waited for too long not at all', async () => {
    const { port, count } = await slowAtFirst();
    const waiting = { perSecond: 500, connections: 1, durationMs: 820, patienceMs: 700, waitMs: 400 };
    const { sent, skipped, late, slowest } = await driveHttp(load(port, waiting));
    expect(late).toBe(1);
    // The first of those that were sent afterwards had waited for all of its time.
    expect(slowest).toBeGreaterThan(390);
    expect(sent).toBe(count());
    expect(skipped).toBeGreaterThan(190);
    expect(sent + skipped).toBe(410);
  });

  it('counts an answer past the patience as late', async () => {
    const { port } = await serverOf(() => 200);
    const { late, sent, perSecond } = await driveHttp(load(port, { patienceMs: -1 }));
    expect(late).toBe(sent);
    expect(perSecond).toBe(0);
  });

  it('rejects where nobody listens', async () => {
    const { port } = await serverOf(() => 200);
    const [server] = open.splice(0) as [Server];
    await new Promise((resolve) => void server.close(resolve));
    await expect(driveHttp(load(port))).rejects.toThrow('ECONNREFUSED');
  });
});
