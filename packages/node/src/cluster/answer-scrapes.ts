import cluster, { type Worker } from 'node:cluster';
import type { ClusterMetrics } from '../metrics/collect-cluster-metrics';
import { fromWorker, type ScrapeAnswer } from './messages';

/**
 * Tells workers the metrics of all when they are scraped. Scrapes at one time share one collection.
 * @returns stops it
 */
export function answerScrapes(metrics: ClusterMetrics): () => void {
  const onMessage = (worker: Worker, given: unknown): void => {
    const message = fromWorker(given);
    if (message?.fairlead !== 'cluster-scrape') return;
    const { id } = message;
    void metrics.refresh().then(() => {
      const answer: ScrapeAnswer = { fairlead: 'cluster-scraped', id, snapshot: metrics.snapshot() };
      if (worker.isConnected()) worker.send(answer, () => {});
    });
  };
  cluster.on('message', onMessage);
  return () => void cluster.off('message', onMessage);
}
