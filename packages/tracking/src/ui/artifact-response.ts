import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { RunArtifact } from '../tracker';
import { commonHeaders } from './responses';

/** Images that a browser draws without running anything in them. SVG is one: the sandbox of its answer runs no script. */
const imageTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  svg: 'image/svg+xml',
};

/**
 * The content type of an artifact: that of an image, or else one that no browser makes a page of. What the run said of
 * the artifact is believed only where it names an image.
 */
export function contentTypeOf(name: string, mediaType: string | undefined): string {
  if (mediaType !== undefined && Object.values(imageTypes).includes(mediaType)) return mediaType;
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  const known = imageTypes[extension];
  if (known !== undefined && mediaType === undefined) return known;
  const texts =
    /\.(txt|md|csv|tsv|json|jsonl|ndjson|ya?ml|toml|ini|log|html?|xml|js|mjs|ts|tsx|py|sh|sql|diff|patch|vl)$/i;
  const isText = texts.test(name) || /^text\/|[/+](json|xml|yaml)$/.test(mediaType ?? '');
  return isText ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

/** A file name for `content-disposition`, by RFC 6266: ASCII for old readers, and all of it in UTF-8. */
function disposition(name: string, download: boolean): string {
  const base = name.slice(name.lastIndexOf('/') + 1);
  const plain = base.replace(/[^\w.\- ]/g, '_');
  const encoded = encodeURIComponent(base).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `${download ? 'attachment' : 'inline'}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/**
 * Sends an artifact's bytes, streamed. Opened by itself it is in a sandbox: it can run nothing and knows no origin. Bytes
 * that turn out to be others than they should be break the connection, so that nobody takes them for whole.
 */
export async function sendArtifact(
  response: ServerResponse,
  artifact: RunArtifact,
  { download }: { readonly download: boolean },
): Promise<void> {
  const type = contentTypeOf(artifact.name, artifact.mediaType);
  const pieces = artifact.stream()[Symbol.asyncIterator]();
  const first = await pieces.next(); // what is missing is still told as an error
  response.writeHead(200, {
    ...commonHeaders,
    'content-type': type,
    'content-length': artifact.size,
    'content-disposition': disposition(artifact.name, download || type === 'application/octet-stream'),
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'",
  });
  await pipeline(async function* () {
    for (let next = first; next.done !== true; ) {
      // The bytes are judged at their end, so the last of them are held back until then.
      const following = await pieces.next();
      yield next.value;
      next = following;
    }
  }, response);
}
