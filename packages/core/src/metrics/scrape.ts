import { encodeBody } from '../gzip';
import type { MetricsSource } from './family';
import { type RenderedMetrics, renderMetrics, writeMetrics } from './negotiate';

/** What a scraper says about the answer that it wants. */
export interface ScrapeRequest {
  /** Its `Accept` header. @default none, so Prometheus text 0.0.4 */
  readonly accept?: string | null | undefined;
  /** Its `Accept-Encoding` header. @default none, so not compressed */
  readonly acceptEncoding?: string | null | undefined;
}

/** An exposition for a framework to send, with status 200. */
export interface ScrapeAnswer {
  /** By lower-case name: `content-type`, `vary`, and `content-encoding` where the body is compressed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * As {@link renderMetrics}, once every asynchronous source is up to date, such as the registry of another library.
 * @param accept the request's `Accept` header
 */
export async function pullMetrics(source: MetricsSource, accept?: string | null): Promise<RenderedMetrics> {
  await source.refresh?.();
  return renderMetrics(source, accept);
}

/**
 * Answers a scrape in the format and encoding that the client wants, for a server of your own. The handlers of
 * `@fairlead/core/serving` and `@fairlead/node/server` compress what `pullMetrics` or `renderMetrics` answers by themselves.
 *
 * Compressed is what is longer than 1 kB, where the runtime has `CompressionStream`.
 */
export async function answerScrape(source: MetricsSource, request: ScrapeRequest = {}): Promise<ScrapeAnswer> {
  await source.refresh?.();
  const { contentType, written } = writeMetrics(source, request.accept);
  const encoded = await encodeBody(written.bytes(), request.acceptEncoding);
  return {
    headers: { 'content-type': contentType, vary: 'Accept, Accept-Encoding', ...encoded.headers },
    body: encoded.body,
  };
}
