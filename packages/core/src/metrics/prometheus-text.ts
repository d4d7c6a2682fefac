import type { MetricFamily, MetricsSource } from './family';
import { escapeHelp004 } from './text';

/** Content type of what `toPrometheusText` writes. */
export const prometheusTextContentType = 'text/plain; version=0.0.4; charset=utf-8';

function block(name: string, type: string, help: string, samples: string): string {
  return `# HELP ${name} ${escapeHelp004(help)}\n# TYPE ${name} ${type}\n${samples}`;
}

/** The lines of one sample name out of the samples of a family; a line feed within a label is escaped, so lines are samples. */
function linesOf(samples: string, name: string): string {
  let lines = '';
  for (const line of samples.split('\n')) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) lines += `${line}\n`;
  }
  return lines;
}

/** A family as this older format knows it: its types are counter, gauge, histogram and summary, and a name is the sample's. */
function familyText({ name, type, help }: MetricFamily, samples: string): string {
  switch (type) {
    case 'counter':
      return block(`${name}_total`, 'counter', help, samples);
    case 'gauge':
    case 'histogram':
    case 'summary':
      return block(name, type, help, samples);
    case 'stateset':
      return block(name, 'gauge', help, samples);
    case 'info':
      return block(`${name}_info`, 'gauge', help, samples);
    case 'gaugehistogram':
      // Buckets that can shrink are no histogram here, and a family has one sample name: hence three gauges.
      return ['_bucket', '_gcount', '_gsum']
        .map((suffix) => block(name + suffix, 'gauge', help, linesOf(samples, name + suffix)))
        .join('');
  }
}

/**
 * Runs the collect callbacks of a registry and writes all families in Prometheus' text format 0.0.4, with the same sample
 * names, labels and bounds as `toOpenMetrics`, so that a series stays the same whichever of the two is scraped. What the
 * format lacks: UNIT, `_created`, exemplars, and the types info, stateset and gaugehistogram, which become gauges.
 */
export function toPrometheusText(source: MetricsSource): string {
  let text = '';
  for (const family of source.collect()) {
    let samples = '';
    for (const series of family.series()) samples += series.text(false);
    if (samples !== '') text += familyText(family, samples);
  }
  return text;
}
