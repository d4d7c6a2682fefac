import type { Block } from '../contracts';
import type { Pair } from './pairing';

/**
 * Makes the blocks of a pair equally large: of the larger one so many requests are drawn by chance, without putting back, as the smaller
 * one has, and likewise rewards. A pair of equal blocks is returned as it is.
 *
 * Shares of large blocks vary less than shares of small ones, so that with blocks of another size neither could as well have been the other
 * arm's: of 1 % failures a challenger with batches of eight has many small shares, its control with batches of one few large ones, and
 * a test that relies on symmetry takes that for harm. A challenger that is slower has larger batches, and is no worse for it in other ways.
 *
 * @param random from 0 to less than 1
 */
export function evenPair(pair: Pair<Block>, random: () => number): Pair<Block> {
  const { challenger, control } = pair;
  const requests = Math.min(challenger.requests, control.requests);
  const rewards = Math.min(challenger.rewards?.length ?? 0, control.rewards?.length ?? 0);
  const cut = (block: Block): Block => {
    const isEven = block.requests === requests && (block.rewards?.length ?? 0) === rewards;
    return isEven ? block : drawFrom(block, requests, rewards, random);
  };
  return { challenger: cut(challenger), control: cut(control) };
}

function drawFrom(block: Block, requests: number, rewards: number, random: () => number): Block {
  const failedRequests = drawMarked(block.requests, block.failedRequests, requests, random);
  const { rewards: given, cost } = block;
  return {
    ...block,
    requests,
    failedRequests,
    latenciesMs: drawSome(block.latenciesMs, requests - failedRequests, random),
    ...(given === undefined ? {} : { rewards: drawSome(given, rewards, random) }),
    ...(cost === undefined ? {} : { cost: (cost * requests) / Math.max(1, block.requests) }),
  };
}

/** How many of `drawn` are marked, of `all` of which `marked` are: the hypergeometric law, a draw at a time. */
function drawMarked(all: number, marked: number, drawn: number, random: () => number): number {
  let left = marked;
  for (let index = 0; index < drawn; index++) if (random() * (all - index) < left) left--;
  return marked - left;
}

/** So many of the values, by the first steps of a shuffle; all of them where there are no more. */
function drawSome(values: readonly number[], count: number, random: () => number): readonly number[] {
  if (count >= values.length) return values;
  const shuffled = [...values];
  for (let index = 0; index < count; index++) {
    const other = index + Math.floor(random() * (shuffled.length - index));
    const value = shuffled[other] as number;
    shuffled[other] = shuffled[index] as number;
    shuffled[index] = value;
  }
  return shuffled.slice(0, count);
}
