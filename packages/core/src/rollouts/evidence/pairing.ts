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

/**
 * Makes a pairing: two blocks make a pair when they follow one another and are of different arms; of several of one arm in a row
 * the last counts, and no block counts twice.
 *
 * Assignment by hash makes the arm of each block a throw of a coin, so of two neighbours of different arms either could as well have been
 * the challenger's, however uneven the shares, and whatever changed before, after or between them. Pairing the k-th block with the k-th
 * of the other arm has no such symmetry: there the arms run apart by dozens of blocks, and a burst of failures that hits both at
 * once meets a quiet time of the other arm, which looks like harm. What it costs: with equal shares a third of the blocks is left out.
 */
export function createPairing<B>(): Pairing<B> {
  let waiting: { readonly side: 'challenger' | 'control'; readonly block: B } | undefined;
  let leftOut = 0;
  return {
    add(side, block) {
      const before = waiting;
      if (before === undefined || before.side === side) {
        if (before !== undefined) leftOut++;
        waiting = { side, block };
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
