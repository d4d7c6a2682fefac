import { CounterFamily } from './counter';
import type { FamilyContext, FamilyDefinition, MetricFamily } from './family';
import { GaugeFamily } from './gauge';
import { GaugeHistogramFamily } from './gauge-histogram';
import { HistogramFamily } from './histogram';
import { InfoFamily } from './info';
import type { FamilySnapshot } from './snapshot';
import { StateSetFamily } from './state-set';
import { SummaryFamily } from './summary';

/** What is only shown neither counts drops nor asks for the time. */
const context: FamilyContext = { epochMs: () => 0, now: () => 0, drop: () => {}, fold: () => {} };

/** Makes a family of plain data, to be written by any writer. */
export function restoreFamily(snapshot: FamilySnapshot): MetricFamily {
  const { name, type, help, unit, labels, aggregation = 'sum', buckets = [], quantiles = [], states = [] } = snapshot;
  const maxSeries = Number.MAX_SAFE_INTEGER;
  const definition: FamilyDefinition = { name, type, help, unit, labelNames: labels, maxSeries };
  switch (type) {
    case 'counter':
      return new CounterFamily<string>(definition, context).restore(snapshot);
    case 'gauge':
      return new GaugeFamily<string>(definition, context, aggregation).restore(snapshot);
    case 'histogram':
      return new HistogramFamily<string>(definition, context, buckets).restore(snapshot);
    case 'gaugehistogram':
      return new GaugeHistogramFamily<string>(definition, context, buckets).restore(snapshot);
    case 'summary':
      return new SummaryFamily<string>(definition, context, quantiles, 1).restore(snapshot);
    case 'info':
      return new InfoFamily<string>(definition, context).restore(snapshot);
    case 'stateset':
      return new StateSetFamily<string, string>(definition, context, states).restore(snapshot);
  }
}
