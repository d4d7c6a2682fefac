import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request: it passes, or the connection is cut before it reaches the server, or before its answer comes back. */
export type Fate = 'pass' | 'cut before' | 'cut after';

/** A proxy before a server, which cuts connections as it is told. */
export async function startCuttingProxy(target: string) {
  const { hostname, port } = new URL(target);
  const seen: string[] = [];
  const proxy = {
    /** Decides about the next request. */
    decide: (): Fate => 'pass',
    /** Method and path of what was asked. */
    seen,
    url: '',
    async stop(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((incoming, answer) => {
    const { method = '', url: path = '', headers } = incoming;
    seen.push(`${method} ${path}`);
    const fate = proxy.decide();
    if (fate === 'cut before') {
      incoming.socket.destroy();
      return;
    }
    const outgoing = ask({ hostname, port, method, path, headers: { ...headers, host: `${hostname}:${port}` } });
    outgoing.on('response', (response) => {
      if (fate === 'cut after') {
        response.resume().on('end', () => incoming.socket.destroy());
        return;
      }
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => incoming.socket.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}
