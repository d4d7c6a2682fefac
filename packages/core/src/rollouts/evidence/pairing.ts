/** Two blocks that are compared. */
export interface Pair<B> {
  readonly challenger: B;
  readonly control: B;
}

/** Pairs the blocks of a challenger with those of its control, as they come. */
export interface Pairing<B> {
  /** A block came; the pair that it completes, if it does. */
  add(side: 'challenger' | 'control', block: B): Pair<B> | undefined;
  /** Blocks that were left out since a later one of the same arm was nearer to its partner. */
  readonly leftOut: number;
}

/** Blocks of each arm that are taken for seen before the first, so that the first few do not decide how uneven the arms are. */
const seenBefore = 50;
/** What each block leaves of the count of those before: the arms of the last thousand count. */
const remembered = 0.999;
/** Arms whose counts are no further apart are taken for even. */
const evenFrom = 0.8;

/**
 * Makes a pairing: two blocks make a pair when they follow one another and are of different arms; of several of one arm in a row
 * the last counts, and no block counts twice.
 *
 * Assignment by hash makes the arm of each block a throw of a coin, so of two neighbours of different arms either could as well have been
 * the challenger's, whatever changed before, after or between them. Pairing the k-th block with the k-th
 * of the other arm has no such symmetry: there the arms run apart by dozens of blocks, and a burst of failures that hits both at
 * once meets a quiet time of the other arm, which looks like harm. What it costs: with equal shares a third of the blocks is left out.
 *
 * Where one arm has p of the blocks and the other q < p, it would nearly always have the first block of a pair, and whoever comes first fails more often
 * while the service recovers. So of its blocks in a row the next one takes the place of the one that waits only with a
 * probability of q / p; else both are left out, and it begins anew. Then both orders of a pair are equally likely, p · q / p · q and q · p, at every
 * block. How many pairs there are hardly changes by it: those of the rarer arm are as many as before.
 *
 * @param random from 0 to less than 1; asked where arms are uneven alone. @default Math.random
 */
export function createPairing<B>(random: () => number = Math.random): Pairing<B> {
  let waiting: { readonly side: 'challenger' | 'control'; readonly block: B } | undefined;
  let leftOut = 0;
  const seen = { challenger: seenBefore, control: seenBefore };
  const takesPlace = (side: 'challenger' | 'control'): boolean => {
    const share = seen[side === 'challenger' ? 'control' : 'challenger'] / seen[side];
    return share >= evenFrom || random() < share;
  };
  const count = (side: 'challenger' | 'control'): void => {
    seen.challenger *= remembered;
    seen.control *= remembered;
    seen[side]++;
  };
  return {
    add(side, block) {
      const before = waiting;
      const isNext = before?.side !== side || takesPlace(side);
      count(side);
      if (before === undefined || before.side === side) {
        if (before !== undefined) leftOut++;
        if (!isNext) leftOut++;
        waiting = isNext ? { side, block } : undefined;
        return undefined;
      }
      waiting = undefined;
      return side === 'challenger'
        ? { challenger: block, control: before.block }
        : { challenger: before.block, control: block };
    },
    get leftOut() {
      return leftOut;
    },
  };
}
