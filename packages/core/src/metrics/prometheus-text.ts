import { ByteWriter, writeFor } from './byte-writer';
import type { MetricFamily, MetricsSource } from './family';
import { escapeHelp004 } from './text';

/** Content type of what `toPrometheusText` writes. */
export const prometheusTextContentType = 'text/plain; version=0.0.4; charset=utf-8';

function header(name: string, type: string, help: string): string {
  return `# HELP ${name} ${escapeHelp004(help)}\n# TYPE ${name} ${type}\n`;
}

/** The lines of one sample name out of the samples of a family; a line feed within a label is escaped, so lines are samples. */
function linesOf(samples: string, name: string): string {
  let lines = '';
  for (const line of samples.split('\n')) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) lines += `${line}\n`;
  }
  return lines;
}

/** What a family is called and of which type it is to this older format, where its types are counter, gauge, histogram and summary. */
function olderForm({ name, type }: MetricFamily): readonly [name: string, type: string] {
  switch (type) {
    case 'counter':
      return [`${name}_total`, 'counter'];
    case 'info':
      return [`${name}_info`, 'gauge'];
    case 'histogram':
    case 'summary':
      return [name, type];
    case 'gauge':
    case 'gaugehistogram':
    case 'stateset':
      return [name, 'gauge'];
  }
}

/** Buckets that can shrink are no histogram here, and a family has one sample name: hence three gauges. */
function writeGaugeHistogram(out: ByteWriter, { name, help }: MetricFamily, samples: string): void {
  if (samples === '') return;
  for (const suffix of ['_bucket', '_gcount', '_gsum']) {
    out.text(header(name + suffix, 'gauge', help) + linesOf(samples, name + suffix));
  }
}

/**
 * Runs the collect callbacks of a registry and writes all families in Prometheus' text format 0.0.4, with the same sample
 * names, labels and bounds as `toOpenMetrics`, so that a series stays the same whichever of the two is scraped. What the
 * format lacks: UNIT, `_created`, exemplars, and the types info, stateset and gaugehistogram, which become gauges.
 */
export function toPrometheusText(source: MetricsSource): string {
  return writePrometheusText(source).toString();
}

/** As {@link toPrometheusText}, for who wants the bytes. */
export function writePrometheusText(source: MetricsSource): ByteWriter {
  return writeFor(source, (out) => {
    for (const family of source.collect()) writeFamily(out, family);
  });
}

function writeFamily(out: ByteWriter, family: MetricFamily): void {
  if (family.type === 'gaugehistogram') {
    const lines = new ByteWriter();
    for (const series of family.series()) series.write(lines, false);
    writeGaugeHistogram(out, family, lines.toString());
    return;
  }
  const begin = out.length;
  out.text(header(...olderForm(family), family.help));
  const samples = out.length;
  for (const series of family.series()) series.write(out, false);
  if (out.length === samples) out.rewind(begin);
}
