import type { MetricsSource, Registry } from '@fairlead/core/metrics';
import type { CloseOptions } from '../server/close-options';

/** What runs in each process of a cluster: a server of `serve` as it is, or an object around it that closes more than that. */
export interface ClusterService {
  /** Shown by {@link Cluster} as that of all. */
  readonly port?: number;
  /** Shown by {@link Cluster} as that of all. */
  readonly url?: string;
  /**
   * Answers what was accepted, and releases. The process ends when it has settled.
   * @param options pass them on to the server's `close`
   */
  close(options?: CloseOptions): Promise<void>;
}

/** What a process of a cluster is told of its place. */
export interface ClusterProcess {
  /**
   * 1 or more: of the processes that live at one time, each has another one, and a new one takes the lowest that is free. For
   * names of what only one process may write to, such as an audit log. 1 as well where there is no cluster of ours.
   */
  readonly number: number;
  /**
   * Shares the metrics of this process with all, and answers a source of the metrics of all, for `pullMetrics`: whichever
   * process is scraped, it answers for all. Its `refresh()` rejects when the primary process does not answer, so that the scrape
   * fails and no counter seems to fall.
   */
  shareMetrics(registry: Registry): MetricsSource;
}
