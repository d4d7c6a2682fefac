import type { Clock } from '../clock';
import { FairleadError } from '../errors';
import { readEncoded } from './body';
import { boundPieces } from './bound-pieces';
import type { ServiceRequest } from './exchange';
import type { Place } from './host/admission';
import type { Call } from './host/call';
import type { ServedModel } from './host/catalog';
import type { ModelHost, ModelRequest } from './host/model-host';
import { headerDeadline } from './request-deadline';

/**
 * Has a request over HTTP answered by the model that its call names: reads the body within the limits, unpacked where it is packed,
 * and gives it the time that its headers leave.
 *
 * @param read reads the body as a request to the model
 * @param mayBeUrgent whether a body may ask for a priority above normal, told without reading it; of most protocols none can
 * @throws FairleadError what `host.run` throws; `INVALID_ARGUMENT` for a header that sets no deadline, `LIMIT_EXCEEDED`,
 * `UNSUPPORTED` for a packing that is not read here
 */
export function answerBody<A>(
  host: ModelHost,
  call: Call,
  request: ServiceRequest,
  read: (body: Uint8Array, model: ServedModel) => ModelRequest<A>,
  mayBeUrgent: (body: Uint8Array) => boolean = () => false,
): Promise<A> {
  const { maxBodyBytes } = host.limits;
  const deadline = headerDeadline(request.header, call.arrivedAt);
  return host.run(call, {
    deadline,
    receive: (place) => readBody(request, maxBodyBytes, place, host.clock),
    read(body, model) {
      const asked = read(body, model);
      if (asked.isCopied === true) request.release?.();
      return asked;
    },
    mayBeUrgent,
  });
}

/**
 * Reads a body within the limits, which hold for what it is packed in, and for what comes out of it. Nothing is awaited of one that is not
 * packed: it would cost a turn of the queue of jobs.
 *
 * @throws FairleadError at once or in the promise: `UNSUPPORTED`, `OVERLOADED`, `LIMIT_EXCEEDED`, `ABORTED`
 */
export function readBody(request: ServiceRequest, maxBytes: number, place: Place, clock: Clock): Promise<Uint8Array> {
  const encoding = encodingOf(request);
  // What is declared is waited for, so it counts from now on; past the limit it is refused before it comes.
  const declared = Number(request.header('content-length') ?? 0);
  if (declared <= maxBytes) place.hold(declared);
  const countPiece = boundPieces(clock);
  const whole = request.body(maxBytes, (bytes) => {
    countPiece(bytes);
    place.hold(bytes);
  });
  return encoding === 'identity' ? whole : unpack(whole, encoding, maxBytes, place);
}

async function unpack(
  whole: Promise<Uint8Array>,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
  place: Place,
): Promise<Uint8Array> {
  const body = await whole;
  return readEncoded(body, encoding, maxBytes, (bytes) => place.hold(body.byteLength + bytes));
}

/** How bodies may be packed; `x-gzip` is an old name of gzip. */
const encodings: Readonly<Record<string, 'identity' | 'gzip' | 'deflate'>> = {
  identity: 'identity',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
};

/**
 * How the body of a request is packed.
 * @throws FairleadError `UNSUPPORTED`
 */
export function encodingOf({ header }: ServiceRequest): 'identity' | 'gzip' | 'deflate' {
  const given = header('content-encoding')?.trim().toLowerCase() || 'identity';
  const encoding = Object.hasOwn(encodings, given) ? encodings[given] : undefined;
  if (encoding !== undefined) return encoding;
  const shown = given.slice(0, 40);
  const message = `This server does not read content-encoding ${shown}. Send the body as it is, or by gzip or deflate.`;
  throw new FairleadError('UNSUPPORTED', message, {
    details: { field: 'content-encoding', expected: 'identity, gzip or deflate', given: shown },
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of a body.
 * @throws FairleadError `PROTOCOL_ERROR` for bytes that are no UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new FairleadError('PROTOCOL_ERROR', 'The body is no UTF-8. Send JSON encoded as UTF-8.', { cause: error });
  }
}
