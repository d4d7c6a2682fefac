import type { MetricEstimates } from '../monitoring/performance/measure';
import type { PerformanceSnapshot } from '../monitoring/performance/performance-report';
import type { PerformanceFact, PerformanceMetric, PerformanceSection } from './sections';

/**
 * The section of a page about a performance monitor, from its `snapshot()`: metrics on labelled rows with their intervals,
 * of all rows and of each slice, those estimated without labels, and how many predictions have met their label.
 */
export function performanceOf(snapshot: PerformanceSnapshot): PerformanceSection {
  const { rows, metrics, parts, estimated, predictions, labels, matchRatio, labelLag } = snapshot;
  const facts: PerformanceFact[] = [
    { name: 'predictions', value: predictions.seen },
    { name: 'labels that met their prediction', value: labels.matched },
    { name: 'labels without a prediction', value: labels.unknown },
  ];
  if (matchRatio !== undefined)
    facts.push({ name: 'predictions with a label', value: `${(matchRatio * 100).toFixed(1)} %` });
  if (labelLag.meanSeconds !== undefined) {
    facts.push({ name: 'mean time to the label', value: `${Math.round(labelLag.meanSeconds)} s` });
  }
  return {
    summary: `The last ${rows} labelled rows.`,
    metrics: [
      ...metricsOf(metrics),
      ...metricsOf(estimated.metrics).map((metric) => ({ ...metric, rows: estimated.rows, estimated: true })),
      ...parts.flatMap(({ slice, part, metrics: own }) =>
        metricsOf(own).map((metric) => ({ ...metric, slice: `${slice}=${part}` })),
      ),
    ],
    facts,
  };
}

function metricsOf(metrics: MetricEstimates): PerformanceMetric[] {
  return Object.entries(metrics).flatMap(([name, estimate]) => {
    if (estimate === undefined) return [];
    const { value, low, high, rows } = estimate;
    return [{ name: wordsOf(name), value, lower: low, upper: high, rows }];
  });
}

/** `logLoss` as a person reads it: log loss. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
