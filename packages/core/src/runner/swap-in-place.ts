import { FairleadError, messageOf, throwIfAborted } from '../errors';
import type { Deployment, RunRequest } from './deployment';
import { labelOf } from './model-info';
import { closedError, type Swap, type SwapState, type SwapTools } from './swap';
import { createSwapGate } from './swap-gate';

/**
 * Makes the swap that never has two models in memory: the one in use computes what it has taken and is released, then the
 * new one is loaded, and requests wait at a gate meanwhile. When the new one cannot be had, the old one is loaded again.
 */
export function createSwapInPlace(state: SwapState, tools: SwapTools): Swap {
  const { parts, load, goldenOf, retire, announce, switchTo } = tools;
  const { clock, events } = parts;
  const { signature } = state.current;

  const shutGate = (from: Deployment): void => {
    state.gate = createSwapGate({
      signature,
      limits: parts.batching,
      clock,
      readyAt: clock.now() + from.loadMs,
      before: () => from.batcher.stats(),
      onRequestFail: (code, rows) => events.emit('request-fail', { model: from.info, code, rows }),
    });
    parts.onChange();
  };

  const openGate = (run: RunRequest): void => {
    const { gate } = state;
    state.gate = undefined;
    gate?.open(run);
  };

  /** Whether the runner was closed and owes nobody an answer: another model would be loaded for nothing. */
  const isDone = (): boolean => state.closed && state.gate?.waiting().queuedRequests === 0;

  /** Loads the model again that was released for one that cannot be had. */
  const restore = async (from: Deployment, error: unknown): Promise<void> => {
    if (isDone()) {
      state.gate = undefined;
      return;
    }
    try {
      // Without the caller's signal: requests wait for this, whoever has left.
      state.current = await load(from.loaded, from.checkGolden, {});
    } catch (cause) {
      const lost = new FairleadError(
        'BACKEND_UNAVAILABLE',
        `The runner has no model: the swap failed (${messageOf(error)}), and ${labelOf(from.info)}, which had been released for it, could not be loaded again: ${messageOf(cause)} Swap to a model that works, or make a new runner.`,
        { cause },
      );
      const { gate } = state;
      state.failure = lost;
      state.gate = undefined;
      gate?.fail(lost);
      return;
    }
    announce(state.current);
    openGate(state.current.run);
  };

  return async (loaded, call) => {
    throwIfAborted(call.signal, 'Loading the model');
    // What can fail without the model in use having to go, fails first.
    const golden = await goldenOf(loaded, call);
    if (state.closed) throw closedError();
    const from = state.current;
    shutGate(from);
    await retire(from);
    let next: Deployment;
    try {
      if (isDone()) throw closedError();
      next = await load(loaded, golden, call);
    } catch (error) {
      await restore(from, error);
      throw error;
    }
    switchTo(next);
    openGate(next.run);
  };
}
