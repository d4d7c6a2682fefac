import { abortedError, type CallOptions, FairleadError } from '@fairlead/core';
import { brokenOff, refused, type SizeLimit, type Target, tooLarge, unreachable } from './fetch-failures';

/** Limits of a download. */
export interface FetchLimits extends CallOptions, SizeLimit {
  /** What fetches. @default the platform's `fetch` */
  readonly fetch?: typeof fetch | undefined;
}

/** A body that grows as it arrives starts with this many bytes where the server does not tell its size. */
const startBytes = 64 * 1024;

/**
 * Fetches a file into memory.
 *
 * @throws FairleadError `MODEL_NOT_FOUND` when nothing is there or the server cannot be reached, `REMOTE_FAILED` when
 * the server or the connection failed half-way, `LIMIT_EXCEEDED` past `maxBytes`, `ABORTED`
 */
export async function fetchBytes(target: Target, limits: FetchLimits): Promise<Uint8Array> {
  const response = await request(target, limits);
  if (!response.ok) {
    await response.body?.cancel();
    throw refused(target, response);
  }
  const length = declaredLength(response);
  if (length !== undefined && length > limits.maxBytes) {
    await response.body?.cancel();
    throw tooLarge(target, limits, `${length} bytes`);
  }
  return readBody(response, target, length, limits);
}

async function request(target: Target, { signal, fetch: given }: FetchLimits): Promise<Response> {
  try {
    return await (given ?? fetch)(target.href, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal, `The download of ${target.shown}`);
    throw unreachable(target, error);
  }
}

async function readBody(
  response: Response,
  target: Target,
  length: number | undefined,
  limits: FetchLimits,
): Promise<Uint8Array> {
  const { maxBytes, signal } = limits;
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  let bytes = new Uint8Array(length ?? startBytes);
  let size = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const end = size + part.value.length;
      if (end > maxBytes) throw tooLarge(target, limits, 'more');
      if (end > bytes.length) bytes = grown(bytes, size, Math.min(maxBytes, Math.max(end, bytes.length * 2)));
      bytes.set(part.value, size);
      size = end;
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined); // The error below says more than a failed cancel.
    if (signal?.aborted) throw abortedError(signal, `The download of ${target.shown}`);
    throw FairleadError.isInstance(error) ? error : brokenOff(target, size, length, error);
  }
  // Across origins the header may count a compressed form that the page is not told of.
  if (length !== undefined && size < length && response.type !== 'cors') throw brokenOff(target, size, length);
  return size === bytes.length ? bytes : bytes.slice(0, size);
}

/** The same bytes with more room behind them. */
export function grown(bytes: Uint8Array<ArrayBuffer>, size: number, capacity: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(capacity);
  larger.set(bytes.subarray(0, size));
  return larger;
}

/** Bytes of the body; undefined where the header is missing or counts the compressed form. */
export function declaredLength(response: Response): number | undefined {
  if (response.headers.get('content-encoding') !== null) return undefined;
  const header = response.headers.get('content-length');
  if (header === null || !/^\d+$/.test(header)) return undefined;
  return Number(header);
}
