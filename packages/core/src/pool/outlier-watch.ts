import type { Endpoint } from './endpoint';
import { type OutlierReason, type OutlierRule, outlierReason } from './outliers';

/** Milliseconds between two looks; a look goes over all endpoints. */
const lookEveryMs = 1000;

/** How outliers are put aside. */
export interface OutlierSettings extends OutlierRule {
  readonly ejectMs: number;
  readonly maxShare: number;
}

/**
 * Puts aside whoever does markedly worse than the others. What comes back is called with every request, and looks once a
 * second.
 *
 * @param settings `false`: nobody is ever put aside
 * @param onEject is told of each who is, and for how many milliseconds
 */
export function createOutlierWatch(
  endpoints: readonly Endpoint[],
  settings: OutlierSettings | false,
  startedAt: number,
  onEject: (endpoint: Endpoint, why: OutlierReason, forMs: number) => void,
): (now: number) => void {
  if (settings === false) return () => {};
  const most = Math.floor(endpoints.length * settings.maxShare);
  let lookedAt = startedAt;
  return (now) => {
    if (now - lookedAt < lookEveryMs) return;
    lookedAt = now;
    let aside = endpoints.filter((endpoint) => endpoint.isEjected(now)).length;
    const totals = endpoints.map((endpoint) => ({ endpoint, totals: endpoint.outcomes.totals(now) }));
    for (const { endpoint, totals: own } of totals) {
      if (aside >= most) return;
      if (endpoint.isEjected(now)) continue;
      const others = totals.filter((each) => each.endpoint !== endpoint).map((each) => each.totals);
      const why = outlierReason(own, others, settings);
      if (why === undefined) continue;
      aside++;
      onEject(endpoint, why, endpoint.eject(settings.ejectMs, now));
    }
  };
}
