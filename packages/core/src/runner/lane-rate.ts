import type { Clock } from '../clock';
import { throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Tensors } from '../tensor/tensor';
import type { Lane } from './lane';
import { zeros } from './warm-up';

/** Milliseconds that the rate of lanes is measured for. */
const windowMs = 120;
/** Batches that each place of a lane computes at least. */
const fewestBatches = 2;

/** Batches that measuring a lane takes at least, with the one that is not counted. */
export const batchesToMeasure = 1 + 2 * fewestBatches;

/**
 * Rows a second of lanes that all compute whole batches at the same time, each with as many in flight as it takes: what
 * they do under load.
 *
 * @param rows rows of a batch
 */
export async function rateOfLanes(
  lanes: readonly Lane[],
  rows: number,
  clock: Clock,
  options: CallOptions,
): Promise<number> {
  const rates = await allOf(lanes.map((lane) => rateOfLane(lane, rows, clock, options)));
  return rates.reduce((sum, rate) => sum + rate, 0);
}

/** A lane's own batches over its own time, so that one that ends a little later than the others loses nothing by it. */
async function rateOfLane(lane: Lane, rows: number, clock: Clock, options: CallOptions): Promise<number> {
  const { session, capacity } = lane;
  // Only lanes whose shapes are known are measured.
  const inputs = zeros(session, rows) as Tensors;
  await session.doRun(inputs, options);
  const startedAt = clock.now();
  let batches = 0;
  const fillPlace = async (): Promise<void> => {
    for (let own = 0; own < fewestBatches || clock.now() - startedAt < windowMs; own++) {
      throwIfAborted(options.signal, 'Tuning the lanes');
      await session.doRun(inputs, options);
      batches++;
    }
  };
  await allOf(Array.from({ length: capacity }, fillPlace));
  return ((batches * rows) / Math.max(clock.now() - startedAt, 1e-6)) * 1000;
}

/** All values, or the first error once nothing is under way any more: no session is closed under a batch. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
