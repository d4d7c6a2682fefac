import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  type SecureClientSessionOptions,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect } from 'vitest';
import { rawClient } from './grpc.fixture';
import * as messages from './inference/messages';

/* What no client library sends: frames as they are, on a connection of Node's own. */

export const inferPath = '/inference.GRPCInferenceService/ModelInfer';
export const streamPath = '/inference.GRPCInferenceService/ModelStreamInfer';

/** A request to the model `m` that is right. */
export const good = messages.ModelInferRequest.encode({
  model_name: 'm',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3] }],
  raw_input_contents: [new Uint8Array(Float32Array.of(1, 2, 3).buffer)],
});

/** A message in its frame. */
export function framed(message: Uint8Array, length = message.byteLength, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** A connection on which anything can be sent. */
export function hostileSession(address: string, options: SecureClientSessionOptions = {}): ClientHttp2Session {
  const session = connectHttp2(`http://${address}`, options);
  session.on('error', () => {});
  return session;
}

/** A connection that sends every byte of a message in a frame of its own. */
export function byteByByteSession(address: string): ClientHttp2Session {
  const session = connectHttp2(`http://${address}`, { createConnection: () => byteByByte(address) });
  session.on('error', () => {});
  return session;
}

const prefaceBytes = 24;
const headBytes = 9;
const endStream = 1;

function byteByByte(address: string): Duplex {
  const [host, port] = address.split(':');
  const socket = connectSocket(Number(port), host);
  let left = Buffer.alloc(0);
  let isBegun = false;
  const split = (chunk: Buffer): Buffer[] => {
    left = Buffer.concat([left, chunk]);
    const parts: Buffer[] = [];
    const take = (bytes: number): Buffer => {
      const taken = left.subarray(0, bytes);
      left = left.subarray(bytes);
      return taken;
    };
    if (!isBegun && left.length >= prefaceBytes) {
      isBegun = true;
      parts.push(take(prefaceBytes));
    }
    while (isBegun && left.length >= headBytes && left.length >= headBytes + left.readUIntBE(0, 3)) {
      const head = take(headBytes);
      const payload = take(head.readUIntBE(0, 3));
      const isData = head[3] === 0;
      if (!isData || payload.length < 2) parts.push(head, payload);
      else
        payload.forEach((byte, index) => {
          const own = Buffer.concat([head, Buffer.of(byte)]);
          own.writeUIntBE(1, 0, 3);
          if (index < payload.length - 1) own[4] = (head[4] as number) & ~endStream;
          parts.push(own);
        });
    }
    return parts;
  };
  const duplex = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(Buffer.concat(split(chunk)), () => done()),
    final: (done) => void socket.end(() => done()),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => duplex.push(chunk) || socket.pause());
  socket.on('end', () => duplex.push(null));
  socket.on('error', () => duplex.destroy());
  return duplex;
}

/** Begins a call. */
export function begin(session: ClientHttp2Session, path: string, headers: Record<string, string> = {}) {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  stream.resume();
  return stream;
}

/**
 * Sends frames as they are, and says with which status the call ended; undefined where it was cut off. No answer may tell of the code
 * that wrote it.
 */
export function send(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: Record<string, string> = {},
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const stream = begin(session, path, headers);
    let status: unknown;
    const keep = (found: Record<string, unknown>): void => {
      status = found['grpc-status'] ?? status;
      try {
        expect(readable(found)).not.toMatch(/ at .+:\d+:\d+|node_modules|\.ts:\d|file:\/\//);
      } catch (error) {
        reject(error);
      }
    };
    stream.on('response', keep).on('trailers', keep);
    stream.on('close', () => resolve(status === undefined ? undefined : Number(status)));
    stream.end(body);
    // A watch answers for ever.
    if (path.endsWith('/Watch')) setImmediate(() => stream.close(constants.NGHTTP2_CANCEL));
  });
}

/** Headers with what is written in them otherwise. */
function readable(headers: Record<string, unknown>): string {
  return Object.entries(headers)
    .map(([name, value]) => {
      if (name.endsWith('-bin')) return Buffer.from(String(value), 'base64').toString('latin1');
      const code = (_escaped: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));
      return String(value).replace(/%([0-9a-f]{2})/gi, code);
    })
    .join('\n');
}

/** The next client is answered as before. */
export async function stillAnswers(address: string): Promise<void> {
  const client = rawClient(address);
  const answer = await client.call(inferPath, good);
  expect(messages.ModelInferResponse.decode(answer, 100).model_name).toBe('m');
  client.close();
}
