export type { ClusterOptions } from './options';
export type { ClusterProcess, ClusterService } from './service';
export { startCluster } from './start-cluster';
export type { Cluster } from './supervise';
