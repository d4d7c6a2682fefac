import { FairleadError } from '@fairlead/core';
import { batchHeaderLength, decodeBatch, type EncodedBatch, readHex, writeHex } from '../embedded/batch-codec';

/*
 * What a page sends to a relay: one batch of one run. All numbers are little-endian.
 *
 *    0  4  "FLRB"
 *    4  2  version of the format, 1
 *    6  2  zero
 *    8 16  id of the run
 *   24  4  number of the batch before it, of the same writer, that the relay must have; 0: none
 *   28  …  the batch, as `batch-codec.ts` describes it
 */

/** The content type of a batch. No page may send it to another origin without asking that first. */
export const batchType = 'application/x-fairlead-batch';
/** Bytes before the batch. */
export const messageHeaderLength = 28;
/** The least that a message can be. */
export const leastMessageLength = messageHeaderLength + batchHeaderLength;

const magic = 0x42524c46; // "FLRB"
const version = 1;

/** One batch of one run. */
export interface RelayMessage {
  /** The id of the run. */
  readonly run: string;
  /** The batch that went before it; the relay refuses this one while it does not have that one. */
  readonly after: number;
  readonly batch: EncodedBatch;
}

/** The bytes of a message whose batch is bytes already. */
export function encodeMessage(run: string, after: number, batch: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(messageHeaderLength + batch.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint16(4, version, true);
  writeHex(bytes, 8, run);
  view.setUint32(24, after, true);
  bytes.set(batch, messageHeaderLength);
  return bytes;
}

function protocolError(message: string, field: string, expected: string, given: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', message, { details: { field, expected, given } });
}

/** Reads a message. @throws FairleadError `PROTOCOL_ERROR` */
export function decodeMessage(bytes: Uint8Array): RelayMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < leastMessageLength || view.getUint32(0, true) !== magic) {
    throw protocolError(
      'The body is no batch of Fairlead.',
      'body',
      'a batch',
      `${bytes.byteLength} bytes of another kind`,
    );
  }
  const given = view.getUint16(4, true);
  if (given !== version) {
    throw protocolError(
      `The batch has format ${given}, and this relay reads ${version}. Use the same release of @fairlead/tracking in the page and in the server.`,
      'version',
      String(version),
      String(given),
    );
  }
  const batch = decodeBatch(bytes.subarray(messageHeaderLength));
  if (batch === undefined) {
    throw protocolError(
      'The lengths in the batch do not add up: it was cut or changed on its way.',
      'body',
      'a whole batch',
      'another',
    );
  }
  const after = view.getUint32(24, true);
  if (batch.seq === 0 || after >= batch.seq) {
    throw protocolError(
      'Batches are numbered from 1, each after one before it.',
      'seq',
      `more than ${after}`,
      String(batch.seq),
    );
  }
  return { run: readHex(bytes, 8), after, batch };
}
