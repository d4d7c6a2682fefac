import { parseWeightedList } from './weighted-list';

/** A shorter body would hardly shrink. */
const worthLength = 1024;

/** Whether a client takes gzip, and wants nothing else more. Without the header it gets the text as it is. */
export function wantsGzip(acceptEncoding: string | null | undefined): boolean {
  const entries = parseWeightedList(acceptEncoding);
  const qualityOf = (...tokens: string[]): number | undefined =>
    entries.find(({ token }) => tokens.includes(token))?.quality;
  const gzip = qualityOf('gzip', 'x-gzip') ?? qualityOf('*') ?? 0;
  return gzip > 0 && gzip >= (qualityOf('identity') ?? 0);
}

/** A body with the headers that say how it is encoded. */
export interface EncodedBody<B> {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: B | Uint8Array<ArrayBuffer>;
}

/**
 * Compresses a text, or its bytes, for a client that wants gzip, where it is worth it and the runtime can (`CompressionStream`); else
 * answers it as it is.
 * @param acceptEncoding the request's Accept-Encoding header
 */
export async function encodeBody<B extends string | Uint8Array<ArrayBuffer>>(
  body: B,
  acceptEncoding: string | null | undefined,
): Promise<EncodedBody<B>> {
  if (body.length < worthLength || typeof CompressionStream !== 'function' || !wantsGzip(acceptEncoding)) {
    return { headers: {}, body };
  }
  const compressed = new Blob([body]).stream().pipeThrough(new CompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(compressed).arrayBuffer());
  return { headers: { 'content-encoding': 'gzip' }, body: bytes };
}
