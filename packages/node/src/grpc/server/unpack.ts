import { createGunzip, createInflate } from 'node:zlib';
import { FairleadError } from '@fairlead/core';
import { Metadata, status as Status } from '@grpc/grpc-js';
import type { LowerCall } from './call-stream';
import { failureOf, type GrpcFailure } from './status';

/** Bytes before every message: whether it is packed, and its length. */
const prefixBytes = 5;

/** The part of grpc-js that unpacks a message in its frame. */
interface Unpacker {
  decompressMessage?: (frame: Buffer, encoding: string) => Buffer | Promise<Buffer>;
}

/**
 * Has what comes out of packed messages counted while it comes out: grpc-js bounds each message, but not all of those that are unpacked at
 * once. Where its method is gone one day, each is still bounded.
 *
 * @param maxBytes bytes that a message may unpack to
 * @param onBytes told how many have come out so far; what it throws ends the call
 */
export function boundUnpacking(call: LowerCall, maxBytes: number, onBytes: (bytes: number) => void): void {
  const unpacker = call as LowerCall & Unpacker;
  const inner = unpacker.decompressMessage;
  if (typeof inner !== 'function') return;
  unpacker.decompressMessage = (frame, encoding) =>
    encoding === 'gzip' || encoding === 'deflate'
      ? unpack(frame.subarray(prefixBytes), encoding, maxBytes, onBytes)
      : inner.call(call, frame, encoding);
}

/** @throws GrpcFailure as grpc-js takes it in the place of a message */
function unpack(
  packed: Buffer,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
  onBytes: (bytes: number) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const unpacking = encoding === 'gzip' ? createGunzip() : createInflate();
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (failure: GrpcFailure): void => {
      chunks.length = 0;
      unpacking.destroy();
      reject(failure);
    };
    unpacking.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        fail(tooLarge(maxBytes));
        return;
      }
      try {
        onBytes(size);
      } catch (error) {
        fail(failureOf(error));
        return;
      }
      chunks.push(chunk);
    });
    unpacking.on('error', () => fail(failureOf(notPackedSo(encoding))));
    unpacking.on('end', () => resolve(Buffer.concat(chunks, size)));
    unpacking.end(packed);
  });
}

/** As grpc-js says it of a message that is too large as it comes: waiting does not change it. */
function tooLarge(maxBytes: number): GrpcFailure {
  const details = `Received message unpacks to something larger than ${maxBytes} bytes. Send fewer rows at once.`;
  return { code: Status.RESOURCE_EXHAUSTED, details, metadata: new Metadata() };
}

function notPackedSo(encoding: string): FairleadError {
  return new FairleadError(
    'PROTOCOL_ERROR',
    `The message is not packed by ${encoding}, as its grpc-encoding says. Send it unpacked, or whole.`,
    { details: { field: 'grpc-encoding', given: encoding } },
  );
}
