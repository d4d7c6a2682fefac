import type { SuiteContext } from '../lib/suite';
import type { RoundLength } from './contest';

/** How much is measured. */
export interface ServingSettings {
  readonly connections: readonly number[];
  /** Rounds at the connections of the goals; at others there is one. */
  readonly rounds: number;
  readonly length: RoundLength;
  /** Of a round of overload, and of its peak: all connections must have had their turn before what counts begins. */
  readonly overloadLength: RoundLength;
  /** Whether several settings of a peer are tried. */
  readonly tunesPeers: boolean;
}

/** What a full run measures; FAIRLEAD_BENCH_QUICK=1 asks for a look that says whether everything works, and not how fast it is. */
export function servingSettings(
  { rounds }: Pick<SuiteContext, 'rounds'>,
  quick = process.env.FAIRLEAD_BENCH_QUICK,
): ServingSettings {
  if (quick === '1') {
    return {
      connections: [64],
      rounds: 1,
      length: { durationMs: 400, warmUpMs: 200 },
      overloadLength: { durationMs: 1000, warmUpMs: 1000 },
      tunesPeers: false,
    };
  }
  return {
    connections: [1, 16, 64],
    rounds: Math.min(rounds, 3),
    length: { durationMs: 2000, warmUpMs: 600 },
    overloadLength: { durationMs: 1500, warmUpMs: 1000 },
    tunesPeers: true,
  };
}
