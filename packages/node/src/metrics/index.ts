export { type ClusterMetrics, type ClusterMetricsOptions, collectClusterMetrics } from './collect-cluster-metrics';
export { type ShareMetricsOptions, shareMetrics } from './share-metrics';
