import type { Session } from '../backend';
import type { Clock } from '../clock';
import { throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Tensors } from '../tensor/tensor';

/** How a batch is timed: a cheap one often, since what the scheduler derives is as good as these times; a dear one seldom. */
const fewestRuns = 3;
const mostRuns = 50;
/** Milliseconds after which enough runs were timed, if they were not too few. */
const enoughMs = 10;

/** What timing a batch came to. */
export interface BatchTiming {
  /** Milliseconds: the lower quartile of the timed runs. */
  readonly computeMs: number;
  /** Milliseconds that all runs took together. */
  readonly spentMs: number;
}

/**
 * Times a batch: one run that pays for first-time allocation and does not count, then 3 to 50 runs, as many as begin
 * within 10 ms. Their lower quartile stands for them: whatever disturbs a run makes it longer, be it another process or
 * JavaScript that is not compiled yet.
 *
 * @param slowMs a first run that takes longer counts, and is the only one
 */
export async function timeBatch(
  session: Session,
  inputs: Tensors,
  slowMs: number,
  clock: Clock,
  options: CallOptions,
): Promise<BatchTiming> {
  const run = async (): Promise<number> => {
    throwIfAborted(options.signal, 'Warming up');
    const startedAt = clock.now();
    await session.doRun(inputs, options);
    return clock.now() - startedAt;
  };
  const firstMs = await run();
  if (firstMs > slowMs) return { computeMs: firstMs, spentMs: firstMs };
  const times: number[] = [];
  let spentMs = 0;
  while (times.length < fewestRuns || (times.length < mostRuns && spentMs < enoughMs)) {
    const took = await run();
    times.push(took);
    spentMs += took;
  }
  times.sort((a, b) => a - b);
  return { computeMs: times[times.length >> 2] as number, spentMs: firstMs + spentMs };
}
