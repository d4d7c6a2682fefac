import { abortedError, type CallOptions, FairleadError, messageOf } from '@fairlead/core';

/** What a download is, for messages. */
export interface Target {
  readonly href: string;
  /** The URL as messages show it, without its secrets. */
  readonly shown: string;
}

/** Limits of a download. */
export interface FetchLimits extends CallOptions {
  /** Bytes. */
  readonly maxBytes: number;
  /** What to do about a larger file, as a sentence. */
  readonly limitAdvice: string;
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

async function request(target: Target, { signal }: FetchLimits): Promise<Response> {
  try {
    return await fetch(target.href, signal === undefined ? {} : { signal });
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

function grown(bytes: Uint8Array<ArrayBuffer>, size: number, capacity: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(capacity);
  larger.set(bytes.subarray(0, size));
  return larger;
}

/** Bytes of the body; undefined where the header is missing or counts the compressed form. */
function declaredLength(response: Response): number | undefined {
  if (response.headers.get('content-encoding') !== null) return undefined;
  const header = response.headers.get('content-length');
  if (header === null || !/^\d+$/.test(header)) return undefined;
  return Number(header);
}

function refused(target: Target, { status }: Response): FairleadError {
  const details = { field: 'model', expected: 'status 200', given: `status ${status}`, url: target.shown, status };
  if (status >= 500 || status === 429) {
    const advice = 'The server has trouble of its own; try again later.';
    return new FairleadError('REMOTE_FAILED', `${target.shown} answered with status ${status}. ${advice}`, { details });
  }
  const advice =
    status === 401 || status === 403
      ? 'The server wants credentials, or hides that the file is missing: check the path and the rights on it'
      : 'Check the path, and that the file is deployed beside the page';
  return new FairleadError('MODEL_NOT_FOUND', `${target.shown} answered with status ${status}. ${advice}.`, {
    details,
  });
}

function unreachable(target: Target, error: unknown): FairleadError {
  const scope = globalThis as { location?: { origin?: string }; navigator?: { onLine?: boolean } };
  const origin = scope.location?.origin;
  const crossOrigin = origin !== undefined && /^https?:/.test(target.href) && new URL(target.href).origin !== origin;
  const causes = [
    scope.navigator?.onLine === false ? 'the device is offline' : 'check the address and that the server runs',
    ...(crossOrigin
      ? [`since it lies on another origin, its server must answer with "Access-Control-Allow-Origin: ${origin}"`]
      : []),
  ];
  return new FairleadError(
    'MODEL_NOT_FOUND',
    `${target.shown} could not be fetched (${messageOf(error)}): ${causes.join('; ')}. The browser's network log says which.`,
    { cause: error, details: { field: 'model', expected: 'a URL that answers', given: target.shown, crossOrigin } },
  );
}

function tooLarge(target: Target, { maxBytes, limitAdvice }: FetchLimits, given: string): FairleadError {
  return new FairleadError('LIMIT_EXCEEDED', `${target.shown} is larger than ${maxBytes} bytes. ${limitAdvice}`, {
    details: { field: 'model', expected: `at most ${maxBytes} bytes`, given, url: target.shown },
  });
}

function brokenOff(target: Target, size: number, length: number | undefined, cause?: unknown): FairleadError {
  const of = length === undefined ? '' : ` of ${length}`;
  return new FairleadError(
    'REMOTE_FAILED',
    `The download of ${target.shown} broke off after ${size}${of} bytes. Try again.`,
    {
      cause,
      details: {
        field: 'model',
        expected: length === undefined ? 'the whole file' : `${length} bytes`,
        given: `${size} bytes`,
      },
    },
  );
}
