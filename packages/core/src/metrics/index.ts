export { createEmfWriter, type EmfOptions, type EmfWriter } from './bridges/cloudwatch';
export {
  bridgeOpenTelemetry,
  type InstrumentOptions,
  type ObservableCallback,
  type OpenTelemetryMeter,
} from './bridges/opentelemetry';
export { bridgePromClient, type PromClientRegistry } from './bridges/prom-client';
export { durationBuckets, exponentialBuckets } from './buckets';
export type { ByteWriter } from './byte-writer';
export type { Counter, CounterHandle } from './counter';
export type { FamilyDescription, GaugeAggregation } from './describe';
export type { Exemplar } from './exemplar';
export type { BindArguments, Bindable, DropReason, MetricFamily, MetricsSource, Series } from './family';
export type { FamilySource } from './family-sources';
export type { Gauge, GaugeHandle } from './gauge';
export type { GaugeHistogram, GaugeHistogramHandle } from './gauge-histogram';
export type { Histogram, HistogramHandle } from './histogram';
export type { Info, InfoHandle } from './info';
export { type InstrumentableRunner, instrumentRunner, type RunnerState } from './instrument-runner';
export { mergeSnapshots, restoreSnapshot } from './merge-snapshots';
export type { MetricType } from './names';
export { type MetricsFormat, negotiate, type RenderedMetrics, renderMetrics } from './negotiate';
export { openMetricsContentType, toOpenMetrics } from './openmetrics';
export type {
  BucketOptions,
  FamilyOptions,
  GaugeOptions,
  MeasureOptions,
  RegistryOptions,
  StateSetOptions,
  SummaryOptions,
} from './options';
export { prometheusTextContentType, toPrometheusText } from './prometheus-text';
export { createRegistry, type Registry } from './registry';
export { answerScrape, pullMetrics, type ScrapeAnswer, type ScrapeRequest } from './scrape';
export type {
  ExemplarSnapshot,
  FamilySnapshot,
  JsonNumber,
  RegistrySnapshot,
  SeriesSnapshot,
  SeriesValues,
} from './snapshot';
export type { StateSet, StateSetHandle } from './state-set';
export type { Summary, SummaryHandle } from './summary';
export type { Labels } from './text';
