import { type Clock, type Closeable, closeable } from '@fairlead/core';

/**
 * Calls back whenever what `epochOf` answers has changed, looked at every so often. What it fails with is left to whoever
 * reads the store: a watch only says when that is worth while.
 */
export function watchByPolling(
  clock: Clock,
  pollMs: number,
  epochOf: () => Promise<number | undefined>,
  onChange: (epoch: number) => void,
): Closeable {
  let known: number | undefined;
  let closed = false;
  let timer = clock.setTimer(look, 0);
  function look(): void {
    void epochOf()
      .then((epoch) => {
        if (closed || epoch === undefined) return;
        const changed = known !== undefined && epoch !== known;
        known = epoch;
        if (changed) onChange(epoch);
      })
      .catch(() => undefined)
      .then(() => {
        if (!closed) timer = clock.setTimer(look, pollMs);
      });
  }
  return closeable(() => {
    closed = true;
    timer.clear();
  });
}
