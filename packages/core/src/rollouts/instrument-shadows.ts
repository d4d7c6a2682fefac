import type { Registry } from '../metrics';
import type { RolloutShadow } from './shadow/shadow-stats';

/** Keeps the metrics of the shadows of one rollout. */
export interface ShadowMetrics {
  write(shadows: readonly RolloutShadow[]): void;
  /** Counts what came last, and takes back the gauges. */
  close(shadows: readonly RolloutShadow[]): void;
}

const bounds = ['lower', 'difference', 'upper'] as const;

/**
 * Registers the families of shadows.
 * @param since what came to a number that only grows since it was asked last
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function createShadowMetrics(
  registry: Registry,
  rollout: string,
  since: (what: string, now: number) => number,
): ShadowMetrics {
  const ofShadow = ['rollout', 'shadow'] as const;
  const gauge = <const L extends string>(suffix: string, help: string, labels: readonly L[], unit?: string) =>
    registry.gauge<L>({
      name: `ml_rollout_shadow_${suffix}`,
      help,
      labels,
      // Of several processes, the one that is worst off; what waits adds up.
      aggregation: suffix === 'waiting' ? 'sum' : 'max',
      ...(unit === undefined ? {} : { unit }),
    });
  const counter = <const L extends string>(suffix: string, help: string, labels: readonly L[]) =>
    registry.counter<L>({ name: `ml_rollout_shadow_${suffix}`, help, labels });

  const requests = counter('requests', 'Requests that a shadow saw.', ofShadow);
  const mirrored = counter('mirrored', 'Requests that were copied for a shadow.', ofShadow);
  const comparisons = counter('comparisons', 'Answers that were compared.', [...ofShadow, 'against'] as const);
  const failures = counter('failures', 'Requests that a shadow failed at.', ofShadow);
  const shed = counter('shed', 'Requests that a shadow was spared.', [...ofShadow, 'reason'] as const);
  const postponed = counter(
    'postponed',
    'Moments that a shadow let pass because requests were being answered.',
    ofShadow,
  );
  const overlapped = counter('overlapped', 'Requests that were under way while a shadow ran.', ofShadow);
  const waiting = gauge('waiting', 'Requests that wait to be compared.', ofShadow);
  const lag = gauge('lag_seconds', 'Seconds from a request to its comparison.', ofShadow, 'seconds');
  const budget = gauge('budget_used_ratio', 'Part of its budget of time that a shadow took.', ofShadow, 'ratio');
  const disagreement = gauge(
    'disagreement_ratio',
    'How much the answers of a shadow disagree with the champion, 0 to 1.',
    [...ofShadow, 'measure'] as const,
    'ratio',
  );
  const excess = gauge('disagreement_excess', 'The same beyond the noise of the champion itself, with its bounds.', [
    ...ofShadow,
    'measure',
    'bound',
  ] as const);

  const count = ({ name: shadow, stats }: RolloutShadow): void => {
    const of = { rollout, shadow };
    const grown = (what: string, now: number): number => since(JSON.stringify(['shadow', shadow, what]), now);
    requests.bind(of).inc(grown('requests', stats.requests));
    mirrored.bind(of).inc(grown('mirrored', stats.mirrored));
    comparisons.bind({ ...of, against: 'champion' }).inc(grown('comparisons', stats.comparisons));
    comparisons.bind({ ...of, against: 'itself' }).inc(grown('noise', stats.noiseComparisons));
    failures.bind(of).inc(grown('failures', stats.failures));
    overlapped.bind(of).inc(grown('overlapped', stats.overlapped));
    postponed.bind(of).inc(grown('postponed', stats.postponed));
    for (const [reason, requestsOf] of Object.entries(stats.shed)) {
      shed.bind({ ...of, reason }).inc(grown(`shed/${reason}`, requestsOf));
    }
  };

  const show = ({ name: shadow, stats, disagreements }: RolloutShadow): void => {
    const of = { rollout, shadow };
    waiting.bind(of).set(stats.waiting);
    lag.bind(of).set(stats.lagMs / 1000);
    budget.bind(of).set(stats.budgetUsed);
    for (const { measure, challenger, excess: beyond } of disagreements) {
      // Without a comparison nothing is known, and its mean is no number to show.
      if (challenger.comparisons === 0) continue;
      disagreement.bind({ ...of, measure }).set(challenger.mean);
      for (const bound of bounds) excess.bind({ ...of, measure, bound }).set(beyond[bound]);
    }
  };

  return {
    write(shadows) {
      for (const shadow of shadows) {
        count(shadow);
        show(shadow);
      }
    },
    close(shadows) {
      for (const shadow of shadows) {
        count(shadow);
        const of = { rollout, shadow: shadow.name };
        for (const family of [waiting, lag, budget]) family.remove(of);
        for (const { measure } of shadow.disagreements) {
          disagreement.remove({ ...of, measure });
          for (const bound of bounds) excess.remove({ ...of, measure, bound });
        }
      }
    },
  };
}
