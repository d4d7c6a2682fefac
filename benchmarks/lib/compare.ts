import { median } from './statistics';

/** Runs one round and resolves to its figure: rows a second, milliseconds, bytes. */
export type Contestant = () => Promise<number> | number;

export interface CompareOptions {
  /** Rounds that are run and thrown away, so that compilers and caches are warm. @default 2 */
  readonly warmUpRounds?: number;
  /** Rounds that count. */
  readonly rounds: number;
}

export interface Comparison {
  /** The median figure of each. */
  readonly a: number;
  readonly b: number;
  /** The median over the rounds of `a / b`, each taken between neighbours in time. */
  readonly ratio: number;
}

/**
 * Runs two contestants in turn, a round each, in one process. Who goes first changes every round, so that a machine that
 * slows down or a heap that fills favours neither.
 *
 * @throws RangeError when `rounds` is not a positive integer.
 */
export async function compare(a: Contestant, b: Contestant, options: CompareOptions): Promise<Comparison> {
  const { rounds, warmUpRounds = 2 } = options;
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`compare: rounds must be a positive integer, given ${rounds}.`);
  }
  const figures: { readonly a: number; readonly b: number }[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const pair = await runPair(a, b, round % 2 === 0);
    if (round >= 0) figures.push(pair);
  }
  return {
    a: median(figures.map((pair) => pair.a)),
    b: median(figures.map((pair) => pair.b)),
    ratio: median(figures.map((pair) => pair.a / pair.b)),
  };
}

async function runPair(a: Contestant, b: Contestant, aFirst: boolean): Promise<{ a: number; b: number }> {
  if (aFirst) return { a: await a(), b: await b() };
  const second = await b();
  return { a: await a(), b: second };
}

/** The milliseconds that a piece of work takes, as a contestant. */
export function timed(work: () => Promise<unknown> | unknown): Contestant {
  return async () => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
}
