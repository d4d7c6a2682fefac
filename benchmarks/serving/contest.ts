import { median } from '../lib/statistics';
import type { Result } from '../lib/suite';
import type { Driver } from './children';
import type { LoadFigures } from './closed-load';

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
  /** Microseconds of processor time that the driver took for a request of one. */
  driverMicros(contestant: Contestant): number;
}

/**
 * Drives contestants in turn, `rounds` times, in the reverse order every other time, so that what else happens on the machine
 * meets all of them.
 *
 * @throws Error when one answers with another status than 200, or not at all: its figures would say nothing
 */
export async function holdContest(
  driver: Driver,
  contestants: readonly Contestant[],
  connections: number,
  rounds: number,
  length: RoundLength,
): Promise<Contest> {
  const figures = new Map<Contestant, LoadFigures[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const { port, requests, title } = contestant;
      const result = await driver.driveClosed({ port, requests, connections, ...length });
      const { 200: _, ...others } = result.statuses;
      if (!(result.perSecond > 0) || Object.keys(others).length > 0) {
        throw new Error(
          `${title} at ${connections} connections did not answer 200 alone: ${JSON.stringify(result.statuses)}`,
        );
      }
      figures.get(contestant)?.push(result);
    }
  }
  const roundsOf = (contestant: Contestant): readonly LoadFigures[] => figures.get(contestant) ?? [];
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
          ({ perSecond }, round) => perSecond / (roundsOf(other)[round] as LoadFigures).perSecond,
        ),
      ),
    rate: (contestant) => middle(contestant, 'perSecond'),
    driverMicros: (contestant) => (middle(contestant, 'driverBusy') / middle(contestant, 'perSecond')) * 1e6,
  };
}
