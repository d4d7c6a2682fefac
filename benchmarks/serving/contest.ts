import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import type { Driver } from './children';
import type { HttpLoadResult } from './http-load';

/** A server and the bodies that it is asked with. */
export interface Contestant {
  readonly title: string;
  readonly port: number;
  /** Whole requests in base64. */
  readonly requests: readonly string[];
}

/** How long a round is. */
export interface RoundLength {
  readonly durationMs: number;
  readonly warmUpMs: number;
}

/** The figures of contestants that were driven in turn at one number of connections. */
export interface Contest {
  /** Rows of a contestant. */
  rowsOf(contestant: Contestant, label: string): Result[];
  /** The median over the rounds of one's rate by another's, each taken in the same round. */
  ratio(contestant: Contestant, other: Contestant): number;
  rate(contestant: Contestant): number;
}

/**
 * Drives contestants in turn, `rounds` times, in the reverse order every other time, so that what else happens on the machine
 * meets all of them.
 */
export async function holdContest(
  driver: Driver,
  contestants: readonly Contestant[],
  connections: number,
  rounds: number,
  length: RoundLength,
  note: SuiteContext['note'],
): Promise<Contest> {
  const figures = new Map<Contestant, HttpLoadResult[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const { port, requests, title } = contestant;
      const result = await driver.drive({ port, requests, connections, ...length });
      const { 200: _, ...others } = result.statuses;
      if (Object.keys(others).length > 0) note(`${title}: answers that do not count: ${JSON.stringify(others)}`);
      if (!(result.perSecond > 0)) throw new Error(`${title} gave no answer at ${connections} connections.`);
      figures.get(contestant)?.push(result);
    }
  }
  const roundsOf = (contestant: Contestant): readonly HttpLoadResult[] => figures.get(contestant) ?? [];
  const middle = (contestant: Contestant, figure: 'perSecond' | 'p50' | 'p99' | 'driverBusy'): number =>
    median(roundsOf(contestant).map((result) => result[figure]));
  return {
    rowsOf: (contestant, label) => [
      { name: label, value: middle(contestant, 'perSecond'), unit: 'requests/s' },
      { name: `${label}: p50`, value: middle(contestant, 'p50'), unit: 'ms' },
      { name: `${label}: p99`, value: middle(contestant, 'p99'), unit: 'ms' },
    ],
    ratio: (contestant, other) =>
      median(
        roundsOf(contestant).map(
          ({ perSecond }, round) => perSecond / (roundsOf(other)[round] as HttpLoadResult).perSecond,
        ),
      ),
    rate: (contestant) => middle(contestant, 'perSecond'),
  };
}
