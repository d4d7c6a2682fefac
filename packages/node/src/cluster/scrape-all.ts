import { type Clock, FairleadError } from '@fairlead/core';
import { type MetricFamily, type MetricsSource, type RegistrySnapshot, restoreSnapshot } from '@fairlead/core/metrics';
import { fromPrimary, type ScrapeRequest } from './messages';

/**
 * The metrics of all processes of the cluster that this one is a worker of, from its primary process.
 * @param timeoutMs milliseconds that the primary process has to answer
 */
export function scrapeAll(timeoutMs: number, clock: Clock): MetricsSource {
  let families: readonly MetricFamily[] = [];
  let rounds = 0;
  let refreshing: Promise<void> | undefined;

  const ask = (): Promise<RegistrySnapshot> =>
    new Promise((resolve, reject) => {
      const id = ++rounds;
      const end = (): void => {
        timer.clear();
        process.off('message', onMessage);
      };
      const fail = (why: string, cause?: unknown): void => {
        end();
        const message = `The metrics of the cluster cannot be told: ${why}.`;
        reject(new FairleadError('REMOTE_FAILED', message, cause === undefined ? {} : { cause }));
      };
      const onMessage = (given: unknown): void => {
        const message = fromPrimary(given);
        if (message?.fairlead !== 'cluster-scraped' || message.id !== id) return;
        end();
        resolve(message.snapshot);
      };
      const timer = clock.setTimer(() => fail(`the primary process did not answer within ${timeoutMs} ms`), timeoutMs);
      process.on('message', onMessage);
      const request: ScrapeRequest = { fairlead: 'cluster-scrape', id };
      if (process.send === undefined || !process.connected) return fail('the primary process is gone');
      process.send(
        request,
        undefined,
        undefined,
        (error) => void (error && fail('the primary process is gone', error)),
      );
    });

  return {
    collect: () => families,
    refresh() {
      refreshing ??= ask()
        .then((snapshot) => {
          families = restoreSnapshot(snapshot).collect();
        })
        .finally(() => {
          refreshing = undefined;
        });
      return refreshing;
    },
  };
}
