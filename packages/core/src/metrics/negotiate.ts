import { parseWeightedList, type WeightedEntry } from '../weighted-list';
import type { ByteWriter } from './byte-writer';
import type { MetricsSource } from './family';
import { openMetricsContentType, writeOpenMetrics } from './openmetrics';
import { prometheusTextContentType, writePrometheusText } from './prometheus-text';

/** The two text forms of an exposition. */
export type MetricsFormat = 'openmetrics' | 'prometheus-text';

/**
 * How much a client wants a format: the quality of the most specific range that covers it (RFC 9110, section 12.5.1), the
 * highest where several are equally specific, and 0 where none does.
 */
function qualityOf(entries: readonly WeightedEntry[], typesBySpecificity: readonly string[], version: string): number {
  for (const type of typesBySpecificity) {
    const covering = entries.filter(
      ({ token, parameters }) => token === type && (parameters.version ?? version) === version,
    );
    if (covering.length > 0) return Math.max(...covering.map(({ quality }) => quality));
  }
  return 0;
}

/**
 * Chooses the format for an `Accept` header: OpenMetrics 1.0 where the client names it and wants nothing else more,
 * otherwise Prometheus text 0.0.4, which every client reads. A bare wildcard, as curl and browsers send it, gets the text.
 * @param acceptHeader the header's value; `undefined` or empty when there is none
 */
export function negotiate(acceptHeader: string | null | undefined): MetricsFormat {
  const ranges = parseWeightedList(acceptHeader);
  const openMetrics = qualityOf(ranges, ['application/openmetrics-text', 'application/*'], '1.0.0');
  const text = qualityOf(ranges, ['text/plain', 'text/*', '*/*'], '0.0.4');
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'prometheus-text';
}

/** An exposition, ready to be sent. */
export interface RenderedMetrics {
  /** Value of the `Content-Type` header. */
  readonly contentType: string;
  readonly body: string;
}

/**
 * Answers a scrape in the format that the client wants.
 * @param acceptHeader the value of the request's `Accept` header
 */
export function renderMetrics(source: MetricsSource, acceptHeader?: string | null): RenderedMetrics {
  const { contentType, written } = writeMetrics(source, acceptHeader);
  return { contentType, body: written.toString() };
}

/** As {@link renderMetrics}, for who wants the bytes. */
export function writeMetrics(
  source: MetricsSource,
  acceptHeader?: string | null,
): { readonly contentType: string; readonly written: ByteWriter } {
  return negotiate(acceptHeader) === 'openmetrics'
    ? { contentType: openMetricsContentType, written: writeOpenMetrics(source) }
    : { contentType: prometheusTextContentType, written: writePrometheusText(source) };
}
