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
  /** The median over the rounds of `a - b`, taken likewise. */
  readonly difference: number;
}

/**
 * Runs two contestants in turn, a round each, in one process. Who goes first changes every round, so that a machine that
 * slows down or a heap that fills favours neither.
 *
 * @throws RangeError when `rounds` is not a positive integer.
 */
export async function compare(a: Contestant, b: Contestant, options: CompareOptions): Promise<Comparison> {
  const { rounds, warmUpRounds = 2 } = options;
  checkRounds('compare', rounds);
  const figures: { readonly a: number; readonly b: number }[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const pair = await runPair(a, b, round % 2 === 0);
    if (round >= 0) figures.push(pair);
  }
  return {
    a: median(figures.map((pair) => pair.a)),
    b: median(figures.map((pair) => pair.b)),
    ratio: median(figures.map((pair) => pair.a / pair.b)),
    difference: median(figures.map((pair) => pair.a - pair.b)),
  };
}

/** A contestant beside the best of several rivals. */
export interface BestComparison {
  /** The median figure of the contestant. */
  readonly a: number;
  /** The median figure of the best rival: the highest. */
  readonly best: number;
  /** Which of the rivals that is. */
  readonly bestIndex: number;
  /** The median over the rounds of the contestant's figure by that rival's. */
  readonly ratio: number;
}

/**
 * Runs a contestant and several rivals in turn and holds it against the rival with the highest median. It is not held
 * against the highest of each round: that would count the noise of all rivals as speed. The contestant runs in the middle
 * of the rivals, whose order changes every round.
 *
 * @throws RangeError when `rounds` is not a positive integer, or there is no rival.
 */
export async function compareWithBest(
  a: Contestant,
  rivals: readonly Contestant[],
  options: CompareOptions,
): Promise<BestComparison> {
  const { rounds, warmUpRounds = 2 } = options;
  checkRounds('compareWithBest', rounds);
  if (rivals.length === 0) throw new RangeError('compareWithBest: give one rival at least.');
  const own: number[] = [];
  const theirs: number[][] = rivals.map(() => []);
  const indexes = [...rivals.keys()];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const order = round % 2 === 0 ? indexes : indexes.toReversed();
    const middle = (order.length + 1) >> 1;
    const figures: number[] = [];
    for (const index of order.slice(0, middle)) figures[index] = await (rivals[index] as Contestant)();
    const figure = await a();
    for (const index of order.slice(middle)) figures[index] = await (rivals[index] as Contestant)();
    if (round < 0) continue;
    own.push(figure);
    for (const index of indexes) theirs[index]?.push(figures[index] as number);
  }
  const medians = theirs.map(median);
  const best = Math.max(...medians);
  const bestIndex = medians.indexOf(best);
  const rival = theirs[bestIndex] as number[];
  return {
    a: median(own),
    best,
    bestIndex,
    ratio: median(own.map((figure, round) => figure / (rival[round] as number))),
  };
}

function checkRounds(name: string, rounds: number): void {
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`${name}: rounds must be a positive integer, given ${rounds}.`);
  }
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
