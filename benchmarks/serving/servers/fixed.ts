import { type AddressInfo, createServer } from 'node:net';
import type { Ready } from './ours';

/**
 * Answers the same bytes to every request and reads no more of it than how long it is: what the driver of the load and the
 * system could do at most.
 */
export async function startFixed(): Promise<Ready> {
  const body = JSON.stringify({
    outputs: [{ name: 'y', shape: [1, 10], datatype: 'FP32', data: new Array(10).fill(0) }],
  });
  const answer = Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const server = createServer({ noDelay: true }, (socket) => {
    let left = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (left === 0) {
        const headEnd = chunk.indexOf('\r\n\r\n');
        const length = /content-length: (\d+)/.exec(chunk.toString('latin1', 0, headEnd))?.[1];
        left = headEnd + 4 + Number(length);
      }
      left -= chunk.length;
      if (left === 0) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    settings: 'a socket that answers the same bytes to everything',
  };
}
