import type { Clock } from '../clock';
import { throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Tensors } from '../tensor/tensor';
import type { Lane } from './lane';
import { type WarmUpTime, zeros } from './warm-up';

/** Milliseconds that lanes are measured for, in windows of so many milliseconds. */
const measuredMs = 200;
const windowMs = 50;
/** Batches that each place of a lane computes in a window at least. */
const fewestBatches = 2;

/** Milliseconds that measuring lanes takes at least, when a batch takes `batchMs`: two places a lane, and a run before. */
export function measuringMs(batchMs: number): number {
  return Math.max(measuredMs, batchMs * (1 + 2 * fewestBatches));
}

/**
 * Rows a second of lanes that all compute whole batches at the same time, each with as many in flight as it takes: what
 * they do under load. The best of several windows counts, since whatever else the machine does can only take from it.
 *
 * @param batch rows of a batch, and its sizes where it has buckets
 */
export async function rateOfLanes(
  lanes: readonly Lane[],
  batch: Pick<WarmUpTime, 'rows' | 'sizes'>,
  clock: Clock,
  options: CallOptions,
): Promise<number> {
  const runs = lanes.map(({ session, capacity }) => {
    // Only lanes whose shapes are known are measured.
    const inputs = zeros(session, batch) as Tensors;
    return { run: () => session.doRun(inputs, options), capacity };
  });
  // The first batch of a lane pays for its memory.
  await allOf(runs.map(({ run }) => run()));
  const startedAt = clock.now();
  let best = 0;
  do {
    const rates = await allOf(runs.map(({ run, capacity }) => batchRate(run, capacity, clock, options)));
    best = Math.max(best, batch.rows * rates.reduce((sum, rate) => sum + rate, 0));
  } while (clock.now() - startedAt < measuredMs);
  return best;
}

/** A lane's own batches a second, over its own time, so that one that ends a little after the others loses nothing by it. */
async function batchRate(
  run: () => Promise<unknown>,
  capacity: number,
  clock: Clock,
  options: CallOptions,
): Promise<number> {
  const startedAt = clock.now();
  let batches = 0;
  const fillPlace = async (): Promise<void> => {
    for (let own = 0; own < fewestBatches || clock.now() - startedAt < windowMs; own++) {
      throwIfAborted(options.signal, 'Tuning the lanes');
      await run();
      batches++;
    }
  };
  await allOf(Array.from({ length: capacity }, fillPlace));
  return (batches / Math.max(clock.now() - startedAt, 1e-6)) * 1000;
}

/** All values, or the first error once nothing is under way any more: no session is closed under a batch. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
