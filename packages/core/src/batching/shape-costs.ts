import { type CostModel, createCostModel, type SizeCost } from './cost-model';

/** What a batch costs beside its computing, in milliseconds: collating, a turn of the event loop, splitting. */
const overheadMs = 0.03;
/** Share of the best rows a millisecond that a batch must reach to be large enough. */
const kneeShares = { latency: 0.97, throughput: 0.995 } as const;
/** A batch with this share of the best rate is worth a lane of its own. */
const worthShare = 0.5;
/** Sizes are worked out anew after so many batches. */
const refreshEvery = 16;

/** A plan leaves so many milliseconds before a deadline, or a tenth of what is left where that is less. */
const mostMarginMs = 2;

/**
 * Milliseconds of the time that is left which a plan may use: not quite all, since answers must be given and timers come
 * late. Infinite where there is no deadline.
 */
export function usableMs(slackMs: number): number {
  if (slackMs === Number.POSITIVE_INFINITY) return slackMs;
  return slackMs - Math.min(mostMarginMs, Math.max(0, slackMs) / 10);
}

/** What the batches of a runner are made for: short waits, or most rows a second. */
export type BatchObjective = 'latency' | 'throughput';

/** Sizes that follow from what batches cost on one lane. */
export interface BatchSizes {
  /** Rows beyond which a larger batch gains next to nothing. */
  readonly target: number;
  /** Rows from which on a batch is worth a lane. */
  readonly worth: number;
}

/** What was learned of the batches of one shape on one lane. */
export interface LaneCost {
  readonly fixedMs: number;
  readonly msPerRow: number;
  readonly kneeRows: number;
  readonly sizes: readonly SizeCost[];
}

/** What batches of one shape cost, lane by lane, and the sizes that follow. */
export class ShapeCosts {
  readonly #models: readonly CostModel[];
  readonly #sizes: BatchSizes[];
  readonly #objective: BatchObjective;
  #maxRows: number;
  #sinceRefresh = 0;
  /** Rows from which on a batch is large enough for a lane that is not idle. */
  readyRows: number;

  constructor(lanes: number, maxRows: number, objective: BatchObjective) {
    this.#models = Array.from({ length: lanes }, createCostModel);
    this.#maxRows = maxRows;
    this.#objective = objective;
    this.#sizes = this.#models.map((model) => this.#sizesOf(model));
    this.readyRows = this.sizes(0).target;
  }

  /** Takes over what a warm-up measured on a lane. */
  seed(lane: number, times: readonly { readonly rows: number; readonly computeMs: number }[]): void {
    const model = this.#models[lane] as CostModel;
    for (const { rows, computeMs } of times) if (rows <= this.#maxRows) model.observe(rows, computeMs);
    this.#refresh();
  }

  /** A batch took `ms` milliseconds on a lane. */
  observe(lane: number, rows: number, ms: number): void {
    const model = this.#models[lane] as CostModel;
    const isFirst = !model.known;
    model.observe(rows, ms);
    if (isFirst || ++this.#sinceRefresh >= refreshEvery) this.#refresh();
  }

  /** No batch may have more rows from now on. */
  limit(maxRows: number): void {
    this.#maxRows = maxRows;
    this.#refresh();
  }

  sizes(lane: number): BatchSizes {
    return this.#sizes[lane] as BatchSizes;
  }

  /** See {@link CostModel.predictMs}. */
  predictMs(lane: number, rows: number): number {
    return (this.#models[lane] as CostModel).predictMs(rows);
  }

  /** See {@link CostModel.predictP95Ms}. */
  predictP95Ms(lane: number, rows: number): number {
    return (this.#models[lane] as CostModel).predictP95Ms(rows);
  }

  /** The most rows, up to `rows`, that a lane computes in `ms` milliseconds 19 times in 20; 0 when not even one. */
  rowsWithin(lane: number, ms: number, rows: number): number {
    const model = this.#models[lane] as CostModel;
    if (model.predictP95Ms(rows) <= ms) return rows;
    let low = 0;
    let high = rows;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (model.predictP95Ms(middle) <= ms) low = middle;
      else high = middle;
    }
    return low;
  }

  describe(lane: number): LaneCost {
    const model = this.#models[lane] as CostModel;
    return {
      fixedMs: model.fixedMs,
      msPerRow: model.msPerRow,
      kneeRows: this.sizes(lane).target,
      sizes: model.sizes(),
    };
  }

  #refresh(): void {
    this.#sinceRefresh = 0;
    for (let lane = 0; lane < this.#models.length; lane++) {
      this.#sizes[lane] = this.#sizesOf(this.#models[lane] as CostModel);
    }
    this.readyRows = this.sizes(0).target;
  }

  #sizesOf(model: CostModel): BatchSizes {
    const maxRows = this.#maxRows;
    return {
      target: model.knee(maxRows, kneeShares[this.#objective], overheadMs),
      worth: Math.min(maxRows, model.knee(maxRows, worthShare, overheadMs)),
    };
  }
}
