import type { RunnerEventMap, RunnerEvents } from '../runner/runner';

/** The events of several runners as those of one. */
export interface JoinedEvents extends RunnerEvents {
  /** Joins one more runner: who listens already hears it too. */
  add(source: RunnerEvents): void;
}

interface Joined<K extends keyof RunnerEventMap = keyof RunnerEventMap> {
  readonly name: K;
  readonly listener: (event: RunnerEventMap[K]) => void;
  readonly removers: (() => void)[];
}

/**
 * Joins events. A listener is added to each runner and to none before, since runners spare themselves the work for events
 * that nobody hears.
 */
export function joinEvents(first: readonly RunnerEvents[]): JoinedEvents {
  const sources = [...first];
  const joined = new Set<Joined>();
  const counts = new Map<keyof RunnerEventMap, number>();
  const count = (name: keyof RunnerEventMap, change: number): void => {
    counts.set(name, (counts.get(name) ?? 0) + change);
  };

  const on: RunnerEvents['on'] = (name, listener) => {
    const removers = sources.map((source) => source.on(name, listener));
    const entry = { name, listener, removers } as unknown as Joined;
    joined.add(entry);
    count(name, 1);
    return () => {
      if (!joined.delete(entry)) return;
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
    add(source) {
      sources.push(source);
      for (const { name, listener, removers } of joined) removers.push(source.on(name, listener));
    },
  };
}
