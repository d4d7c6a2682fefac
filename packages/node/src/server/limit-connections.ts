import cluster from 'node:cluster';
import type { Server, Socket } from 'node:net';

/**
 * Closes connections beyond a number at once; listeners of `connection` that come later find them destroyed.
 *
 * Node's own limit does so too, but not in a worker of a cluster: there a connection goes back to the primary process, which offers
 * it again, without a pause and without an end while every worker is full.
 */
export function limitConnections(server: Server, most: number): void {
  if (!cluster.isWorker) {
    server.maxConnections = most;
    return;
  }
  let open = 0;
  server.on('connection', (socket: Socket) => {
    if (open >= most) {
      socket.destroy();
      return;
    }
    open++;
    socket.once('close', () => open--);
  });
}
