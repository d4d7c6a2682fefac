import type { ComputedBatch } from '../../runner/runner';
import type { Block } from '../contracts';

/** Forms the blocks of one arm out of its requests. */
export interface BlockFormer {
  /** A request of the arm ended: answered, or failed for a reason that is the arm's. */
  add(
    failed: boolean,
    startedAt: number,
    endedAt: number,
    batches: readonly ComputedBatch[] | undefined,
    cost: number | undefined,
  ): void;
  /** Ends the block that is open, if it is older than a block of time. */
  flush(now: number): void;
}

/**
 * Requests that shared a batch are one block: they have the same object in `timing.batches`. What fails, or was computed
 * elsewhere, tells no batch: then a block is what ended within `blockMs` of the first.
 */
export function createBlockFormer(
  arm: string,
  blockMs: number,
  onBlock: (block: Block) => void,
  driftOf?: (arm: string) => number | undefined,
): BlockFormer {
  let batch: ComputedBatch | undefined;
  let requests = 0;
  let failedRequests = 0;
  let startedAt = 0;
  let firstEndedAt = 0;
  let lastEndedAt = 0;
  let latenciesMs: number[] = [];
  let cost: number | undefined;

  const end = (): void => {
    if (requests === 0) return;
    const driftState = driftOf?.(arm);
    const block: Block = {
      arm,
      startedAt,
      endedAt: lastEndedAt,
      requests,
      failedRequests,
      latenciesMs,
      ...(driftState === undefined ? {} : { driftState }),
      ...(cost === undefined ? {} : { cost }),
    };
    cost = undefined;
    requests = 0;
    failedRequests = 0;
    latenciesMs = [];
    onBlock(block);
  };

  return {
    add(failed, began, endedAt, batches, costs) {
      const mine = batches?.at(-1);
      const joins = requests > 0 && mine === batch && (mine !== undefined || endedAt - firstEndedAt < blockMs);
      if (!joins) {
        end();
        batch = mine;
        startedAt = began;
        firstEndedAt = endedAt;
      }
      requests++;
      if (failed) failedRequests++;
      else latenciesMs.push(endedAt - began);
      if (costs !== undefined) cost = (cost ?? 0) + costs;
      startedAt = Math.min(startedAt, began);
      lastEndedAt = endedAt;
    },
    flush(now) {
      if (now - firstEndedAt >= blockMs) end();
    },
  };
}
