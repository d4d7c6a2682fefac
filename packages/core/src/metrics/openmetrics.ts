import { type ByteWriter, writeFor } from './byte-writer';
import type { MetricFamily, MetricsSource } from './family';
import { escapeText } from './text';

/** Content type of what `toOpenMetrics` writes. */
export const openMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

function header({ name, type, unit, help }: MetricFamily): string {
  const unitLine = unit === '' ? '' : `# UNIT ${name} ${unit}\n`;
  return `# TYPE ${name} ${type}\n${unitLine}# HELP ${name} ${escapeText(help)}\n`;
}

/**
 * Runs the collect callbacks of a registry and writes all families in the text format of OpenMetrics 1.0: TYPE, UNIT, HELP,
 * then the samples of each series in turn, `# EOF` at the end. A family without series is left out.
 */
export function toOpenMetrics(source: MetricsSource): string {
  return writeOpenMetrics(source).toString();
}

/** As {@link toOpenMetrics}, for who wants the bytes. */
export function writeOpenMetrics(source: MetricsSource): ByteWriter {
  return writeFor(source, (out) => {
    for (const family of source.collect()) {
      const begin = out.length;
      out.text(header(family));
      const samples = out.length;
      for (const series of family.series()) series.write(out, true);
      if (out.length === samples) out.rewind(begin);
    }
    out.text('# EOF\n');
  });
}
