import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Connection, type Connections, createConnections } from './connections';

const request = 'GET / HTTP/1.1\r\nhost: here\r\n\r\n';

interface Begun {
  readonly connection: Connection<Socket>;
  readonly response: ServerResponse;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that answers nothing by itself, and a client of it. */
async function start(
  count: number,
): Promise<{ connections: Connections<Socket>; client: Socket; begun: Begun[]; ended: number[] }> {
  const connections = createConnections((socket) => socket);
  const begun: Begun[] = [];
  const ended: number[] = [];
  const server = createServer();
  const all = new Promise<void>((resolve) => {
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      const index = begun.length;
      begun.push({ connection: connections.begin(incoming, response, () => ended.push(index)), response });
      if (begun.length === count) resolve();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  client.resume();
  closing.push(async () => {
    client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  client.write(request.repeat(count));
  await all;
  return { connections, client, begun, ended };
}

describe('the connections of a server', () => {
  it('count what is under way, and tell when nothing is', async () => {
    const { connections, begun, ended } = await start(2);
    expect(connections.underWay).toBe(2);
    for (const { response } of begun) response.end();
    await connections.whenIdle();
    expect(connections.underWay).toBe(0);
    expect(ended).toEqual([0, 1]);
    expect(begun.every(({ connection }) => !connection.signal.aborted)).toBe(true);
  });

  it('abort all requests of a connection that is gone, those too whose turn to be answered had not come', async () => {
    const { connections, client, begun } = await start(3);
    client.destroy();
    await connections.whenIdle();
    expect(connections.underWay).toBe(0);
    for (const { connection, response } of begun) {
      expect(connection.signal.aborted).toBe(true);
      response.end();
    }
    expect(connections.underWay).toBe(0);
  });

  it('do not abort what comes on a connection after a request that was answered', async () => {
    const { connections, client, begun } = await start(1);
    begun[0]?.response.end();
    await connections.whenIdle();
    client.write(request);
    while (begun.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(begun[1]?.connection.signal).toBe(begun[0]?.connection.signal);
    expect(begun[1]?.connection.signal.aborted).toBe(false);
  });

  it('abort everything when asked, for the reason that is given', async () => {
    const { connections, begun } = await start(2);
    const reason = new Error('closing');
    connections.abortAll(reason);
    for (const { connection } of begun) expect(connection.signal.reason).toBe(reason);
    for (const { response } of begun) response.end();
    await connections.whenIdle();
  });
});
