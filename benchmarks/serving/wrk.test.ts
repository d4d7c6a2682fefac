import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { binaryBody, encodeRequest, inferPath, jsonBody, makeRows } from './requests';
import { driveByWrk, findWrk, prepareWrk } from './wrk';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  }
});

/** A server that answers what `statusOf` says to the n-th request. */
async function serverOf(statusOf: (index: number) => number): Promise<{ port: number; bodies: Buffer[] }> {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.writeHead(statusOf(bodies.push(Buffer.concat(chunks)) - 1)).end('done'));
  });
  open.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, bodies };
}

const [first, second] = makeRows(2, 64) as [Float32Array, Float32Array];
const sent = [jsonBody(first), binaryBody(second), jsonBody(second)];
const load = (port: number) => ({
  port,
  requests: sent.map((body) => encodeRequest(inferPath, body).toString('base64')),
  connections: 1,
  durationMs: 1,
  warmUpMs: 0,
});

const wrk = await findWrk();
if (wrk === undefined) console.warn('NOT TESTED: wrk 4.1.0, which benchmarks/peers/wrk/setup fetches, is not here.');

describe.skipIf(wrk === undefined)('driveByWrk', () => {
  it('sends the requests in turn, whole, and counts their answers', async () => {
    const { port, bodies } = await serverOf(() => 200);
    const { statuses, perSecond, p50, p99, driverBusy } = await driveByWrk(wrk as string, load(port));
    expect(Object.keys(statuses)).toEqual(['200']);
    expect(statuses[200]).toBeGreaterThan(0);
    // The last may have been under way at the end.
    expect(bodies.length - (statuses[200] as number)).toBeOneOf([0, 1]);
    for (const [index, body] of bodies.entries())
      expect(body.equals(sent[index % sent.length]?.bytes as Buffer)).toBe(true);
    for (const figure of [perSecond, p50, driverBusy]) expect(figure).toBeGreaterThan(0);
    expect(p50).toBeLessThanOrEqual(p99);
  });

  it('counts every answer whose status is another, and none of a warm-up', async () => {
    const { port, bodies } = await serverOf((index) => (index % 2 === 0 ? 200 : 204));
    const { statuses } = await driveByWrk(wrk as string, { ...load(port), warmUpMs: 1 });
    const [good, others] = [statuses[200] as number, statuses['not 200'] as number];
    expect(Math.abs(good - others)).toBeLessThanOrEqual(1);
    expect(good + others).toBeLessThan(bodies.length);
  });

  it('goes on until there is an answer', async () => {
    let isSlow = true;
    const server = createServer((request, response) => {
      request.resume();
      if (!isSlow) response.end('done');
      // The connections of the first run are closed without an answer.
      request.socket.once('close', () => {
        isSlow = false;
      });
    });
    open.push(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { statuses } = await driveByWrk(wrk as string, load(port));
    expect(statuses[200]).toBeGreaterThan(0);
  });

  it('rejects where nobody listens', async () => {
    const { port } = await serverOf(() => 200);
    const [server] = open.splice(0) as [Server];
    await new Promise((resolve) => void server.close(resolve));
    await expect(driveByWrk(wrk as string, load(port))).rejects.toThrow('unable to connect');
  });
});

describe('prepareWrk', () => {
  it('leaves it to Node where that is asked for, and says so', async () => {
    const notes: string[] = [];
    expect(await prepareWrk((text) => notes.push(text), 'node')).toBeUndefined();
    expect(notes).toHaveLength(1);
    await expect(prepareWrk(() => {}, 'ab')).rejects.toThrow('"ab"');
  });
});
