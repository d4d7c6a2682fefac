import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowMultipartOptions } from './client-options';
import type { MlflowHttp } from './http';
import { answers } from './wire';

/** Bytes whose number is known, and that can be read from any place on, as often as it takes. */
export interface SizedBody {
  readonly size: number;
  /** The bytes from one place to before another. */
  read(from: number, to: number): AsyncIterable<Uint8Array>;
}

/** Storage takes so many parts, so larger files have larger ones. */
const mostParts = 10_000;

const root = '/api/2.0/mlflow-artifacts/mpu';

/** The bytes of a part in one: storage wants to know their number before they come. */
async function partOf(body: SizedBody, from: number, to: number): Promise<Uint8Array> {
  const part = new Uint8Array(to - from);
  let at = 0;
  for await (const piece of body.read(from, to)) {
    if (at + piece.byteLength > part.byteLength) break;
    part.set(piece, at);
    at += piece.byteLength;
  }
  if (at === part.byteLength) return part;
  throw new FairleadError('DIGEST_MISMATCH', 'The artifact changed while it was uploaded. Log it again.', {
    details: { field: 'size', expected: `${to - from} bytes from ${from} on`, given: 'another number' },
  });
}

/**
 * Uploads large files in parts, straight to the storage behind the server, which gives an address for each.
 * @returns whether it did; `false` for a file that is small, and where the storage does not offer it
 */
export function createMultipart(http: MlflowHttp, { leastBytes, partBytes }: Required<MlflowMultipartOptions>) {
  /** A server whose storage does not offer it is asked once. */
  let isOffered = true;

  return async (place: string, body: SizedBody, call: CallOptions): Promise<boolean> => {
    if (!isOffered || body.size <= leastBytes) return false;
    const cut = place.lastIndexOf('/');
    const folder = place.slice(0, cut);
    const name = decodeURIComponent(place.slice(cut + 1));
    const tell = (verb: string, json: unknown, options: CallOptions = call): Promise<void> =>
      http.tell({ method: 'POST', path: `${root}/${verb}/${folder}`, json, ...options });
    const length = Math.max(partBytes, Math.ceil(body.size / mostParts));
    const count = Math.ceil(body.size / length);

    let upload: { upload_id: string; credentials: readonly PartAddress[] };
    try {
      const json = { path: name, num_parts: count };
      upload = await http.ask({ method: 'POST', path: `${root}/create/${folder}`, json, ...call }, answers.multipart);
    } catch (error) {
      if (!FairleadError.isInstance(error) || (error.details as { status?: unknown }).status !== 501) throw error;
      isOffered = false;
      return false;
    }
    const id = upload.upload_id;
    try {
      if (upload.credentials.length !== count) throw wrongAnswer(count, upload.credentials.length);
      const parts = [];
      for (const { url, part_number: number, headers } of upload.credentials) {
        const from = (number - 1) * length;
        const part = await partOf(body, from, Math.min(from + length, body.size));
        const etag = await http.putAway({ url, headers, body: part, place: `part ${number} of ${name}`, ...call });
        parts.push({ part_number: number, etag, url });
      }
      parts.sort((a, b) => a.part_number - b.part_number);
      await tell('complete', { path: name, upload_id: id, parts });
    } catch (error) {
      // Storage keeps, and charges for, parts that nobody completes. What went wrong first is what counts.
      await tell('abort', { path: name, upload_id: id }, {}).catch(() => undefined);
      throw error;
    }
    return true;
  };
}

interface PartAddress {
  readonly url: string;
  readonly part_number: number;
  readonly headers: Readonly<Record<string, string>>;
}

function wrongAnswer(expected: number, given: number): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `MLflow answered ${given} addresses for ${expected} parts of an upload.`, {
    details: { field: 'credentials', expected: String(expected), given: String(given) },
  });
}
