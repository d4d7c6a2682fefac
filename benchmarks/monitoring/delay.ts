import type { Result, SuiteContext } from '../lib/suite';
import { type Contestant, type Family, families, limitOf } from './contestants';
import { detectionRows, horizonRows } from './detection';
import { drawStreams, type Scenario, scenarios } from './scenarios';
import { createTrial, type Outcome, type Trial } from './trial';

/** Observations between false alarms that every contestant is brought to. */
const meanTime = 10_000;
/** Observations of a quiet stream. */
const quietLength = 10 * meanTime;

/**
 * How late detectors see a change, each brought to the same measured time between false alarms, in four scenarios. The
 * parameters of a family are searched on a small grid, on streams of their own; then the best set for all four scenarios,
 * and the best for each, are calibrated and measured on others.
 */
export async function measureDelays({ note }: SuiteContext): Promise<Result[]> {
  const search = createTrial({
    quiet: drawStreams(20, quietLength, 1),
    changing: drawStreams(1000, detectionRows, 2),
    meanTime,
    tolerance: 0.1,
  });
  const final = createTrial({
    quiet: drawStreams(200, quietLength, 3),
    changing: drawStreams(1000, detectionRows, 4),
    meanTime,
    tolerance: 0.02,
    coarse: search,
  });
  const entries = scenarios.map((scenario): Entry => {
    const limit = final.measure(limitOf(scenario), scenario);
    if (limit === undefined) throw new Error(`The limit of "${scenario.name}" cannot be calibrated.`);
    return { scenario, limit };
  });
  const results = entries.flatMap(({ scenario, limit }) => resultsOf(`${scenario.name}: the limit`, limit, limit));
  for (const family of families) {
    note(`${family.name}: ${family.grid.length} set(s) of parameters`);
    const best = searchGrid(family, search, entries);
    for (const { scenario, limit } of entries) {
      const own = best.forEach.get(scenario);
      const rows = new Map([
        [best.forAll, 'best for all'],
        [own, best.forAll === own ? 'best for all and for this' : 'best for this'],
      ]);
      for (const [contestant, label] of rows) {
        const outcome = contestant && final.measure(contestant, scenario);
        const name = `${scenario.name}: ${family.name}, ${label}`;
        if (outcome === undefined) note(`${name}: no threshold brings it to ${meanTime} between false alarms`);
        else results.push(...resultsOf(`${name} (${outcome.contestant.parameters})`, outcome, limit));
      }
    }
  }
  return results;
}

/** A scenario and the delay of the limit in it. */
interface Entry {
  readonly scenario: Scenario;
  readonly limit: Outcome;
}

interface Best {
  readonly forAll: Contestant | undefined;
  readonly forEach: ReadonlyMap<Scenario, Contestant>;
}

/** The contestants of a family with the shortest delays: by the mean logarithm of their ratio to the limit, and in each scenario. */
function searchGrid(family: Family, search: Trial, entries: readonly Entry[]): Best {
  let forAll: Contestant | undefined;
  let leastSum = Number.POSITIVE_INFINITY;
  const forEach = new Map<Scenario, Contestant>();
  const leastDelays = new Map<Scenario, number>();
  for (const contestant of family.grid) {
    let sum = 0;
    for (const { scenario, limit } of entries) {
      const delay = search.measure(contestant, scenario)?.detection.meanDelay ?? Number.POSITIVE_INFINITY;
      sum += Math.log(delay / limit.detection.meanDelay);
      if (delay < (leastDelays.get(scenario) ?? Number.POSITIVE_INFINITY)) {
        leastDelays.set(scenario, delay);
        forEach.set(scenario, contestant);
      }
    }
    if (sum < leastSum) {
      leastSum = sum;
      forAll = contestant;
    }
  }
  return { forAll, forEach };
}

function resultsOf(name: string, { calibration, detection }: Outcome, limit: Outcome): Result[] {
  const { meanTime: measured, from, to } = calibration.falseAlarms;
  const results: Result[] = [
    { name: `${name}: mean delay`, value: detection.meanDelay, unit: 'rows' },
    { name: `${name}: standard error of it`, value: detection.standardError, unit: 'rows' },
    { name: `${name}: mean delay of those not missed`, value: detection.meanSeen, unit: 'rows' },
    { name: `${name}: missed within ${horizonRows} rows`, value: detection.misses, unit: 'streams' },
    { name: `${name}: measured between false alarms`, value: measured, unit: 'rows' },
    { name: `${name}: between false alarms, 95 % from`, value: from, unit: 'rows' },
    { name: `${name}: between false alarms, 95 % to`, value: to, unit: 'rows' },
  ];
  if (calibration === limit.calibration) return results;
  const ratio = detection.meanDelay / limit.detection.meanDelay;
  return [...results, { name: `${name}: of the limit's delay`, value: ratio, unit: 'ratio' }];
}
