import type { RunnerEventMap, RunnerEvents } from '../runner/runner';

/**
 * The events of several runners as those of one. A listener is added to each of them and to none before, since runners
 * spare themselves the work for events that nobody hears.
 */
export function joinEvents(sources: readonly RunnerEvents[]): RunnerEvents {
  const counts = new Map<keyof RunnerEventMap, number>();
  const count = (name: keyof RunnerEventMap, change: number): void => {
    counts.set(name, (counts.get(name) ?? 0) + change);
  };

  const on: RunnerEvents['on'] = (name, listener) => {
    const removers = sources.map((source) => source.on(name, listener));
    let listening = true;
    count(name, 1);
    return () => {
      if (!listening) return;
      listening = false;
      count(name, -1);
      for (const remove of removers) remove();
    };
  };

  return {
    on,
    once(name, listener) {
      const remove = on(name, (event) => {
        remove();
        listener(event);
      });
      return remove;
    },
    listenerCount: (name) => counts.get(name) ?? 0,
  };
}
