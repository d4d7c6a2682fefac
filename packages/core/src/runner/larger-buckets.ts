import type { CostModel } from '../batching/cost-model';
import type { OpenSlab } from '../batching/shape-fit';

/** A bucket as the choice sees it. */
export interface PricedBucket {
  readonly key: string;
  readonly cost: Pick<CostModel, 'fixedMs' | 'msPerRow'>;
}

/** Decides whether a request waits in its own bucket or joins others in a larger one. */
export interface LargerBuckets {
  /**
   * The slab of the larger bucket that a request of `rows` rows should join; undefined when its own is best. To be asked
   * when nobody waits in its own.
   * @param candidates slabs of larger buckets in which others wait, with what those buckets cost
   */
  choose(
    own: PricedBucket,
    rows: number,
    candidates: readonly { readonly slab: OpenSlab; readonly bucket: PricedBucket }[],
  ): OpenSlab | undefined;
  /** Rows of requests whose own bucket this is were placed, there or in a larger one. */
  placed(ownKey: string, rows: number): void;
}

/** What came to a bucket from one batch to the next. */
interface Demand {
  rows: number;
  rowsBefore: number;
  /** The slab of a larger bucket that took the first of them. */
  joined: OpenSlab | undefined;
  joinedRows: number;
}

/**
 * Weighs measured costs. Alone, `rows` rows cost a batch of their own: α + β·rows of their bucket. In a larger one that
 * is computed anyway they cost only its β·rows, which is more a row. So joining pays for few rows, and not where a batch
 * of their own comes together: neither when more have joined than that, nor when more came the last time.
 */
export function createLargerBuckets(): LargerBuckets {
  const demands = new Map<string, Demand>();

  const demandOf = (key: string): Demand => {
    const known = demands.get(key);
    if (known !== undefined) return known;
    const demand: Demand = { rows: 0, rowsBefore: 0, joined: undefined, joinedRows: 0 };
    demands.set(key, demand);
    return demand;
  };

  return {
    choose(own, rows, candidates) {
      const demand = demandOf(own.key);
      if (!candidates.some(({ slab }) => slab === demand.joined)) {
        demand.rowsBefore = demand.rows;
        demand.rows = 0;
        demand.joined = undefined;
        demand.joinedRows = 0;
      }
      const all = Math.max(demand.joinedRows + rows, demand.rowsBefore);
      let best: OpenSlab | undefined;
      let mostSaved = 0;
      for (const { slab, bucket } of candidates) {
        const saved = own.cost.fixedMs + own.cost.msPerRow * all - bucket.cost.msPerRow * all;
        if (slab.room < rows || saved <= mostSaved) continue;
        mostSaved = saved;
        best = slab;
      }
      if (best !== undefined) {
        demand.joined ??= best;
        demand.joinedRows += rows;
      }
      return best;
    },
    placed(ownKey, rows) {
      demandOf(ownKey).rows += rows;
    },
  };
}
