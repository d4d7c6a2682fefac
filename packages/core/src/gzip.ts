import { parseWeightedList } from './weighted-list';

/** A shorter text would hardly shrink. */
const worthChars = 1024;

/** Whether a client takes gzip, and wants nothing else more. Without the header it gets the text as it is. */
export function wantsGzip(acceptEncoding: string | null | undefined): boolean {
  const entries = parseWeightedList(acceptEncoding);
  const qualityOf = (...tokens: string[]): number | undefined =>
    entries.find(({ token }) => tokens.includes(token))?.quality;
  const gzip = qualityOf('gzip', 'x-gzip') ?? qualityOf('*') ?? 0;
  return gzip > 0 && gzip >= (qualityOf('identity') ?? 0);
}

/** A body with the headers that say how it is encoded. */
export interface EncodedText {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/**
 * Compresses a text for a client that wants gzip, where it is worth it and the runtime can (`CompressionStream`); else
 * answers it as it is.
 * @param acceptEncoding the request's Accept-Encoding header
 */
export async function encodeText(text: string, acceptEncoding: string | null | undefined): Promise<EncodedText> {
  if (text.length < worthChars || typeof CompressionStream !== 'function' || !wantsGzip(acceptEncoding)) {
    return { headers: {}, body: text };
  }
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  const body = new Uint8Array(await new Response(compressed).arrayBuffer());
  return { headers: { 'content-encoding': 'gzip' }, body };
}
