import { describe, expect, it } from 'vitest';
import { AbortWatch } from './abort-watch';
import type { Cohort } from './cohort';
import { cohortOf } from './cohort.fixture';

/** A signal that counts who listens to it. */
function countingSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const counts = { added: 0, listening: 0 };
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = ((...listener: Parameters<AbortSignal['addEventListener']>) => {
    counts.added++;
    counts.listening++;
    addEventListener.apply(signal, listener);
  }) as AbortSignal['addEventListener'];
  signal.removeEventListener = ((...listener: Parameters<AbortSignal['removeEventListener']>) => {
    counts.listening--;
    removeEventListener.apply(signal, listener);
  }) as AbortSignal['removeEventListener'];
  return { controller, signal, counts };
}

function makeWatch() {
  const heard: Cohort[] = [];
  const watch = new AbortWatch((cohort) => void heard.push(cohort));
  const add = (signal: AbortSignal): Cohort => {
    const cohort = cohortOf([]);
    const watched = watch.find(signal) ?? watch.listen(signal);
    void cohort.join(1, watched);
    watch.add(cohort, watched);
    return cohort;
  };
  return { watch, heard, add };
}

function end(cohort: Cohort): void {
  cohort.listening?.leave(cohort);
}

describe('AbortWatch', () => {
  it('listens once to a signal that requests share, until nobody waits with it', () => {
    const { add } = makeWatch();
    const { signal, counts } = countingSignal();
    const [first, second] = [add(signal), add(signal)] as const;
    expect(counts).toEqual({ added: 1, listening: 1 });
    end(first);
    end(second);
    expect(counts.listening).toBe(0);
  });

  it('goes on listening to a signal that came back', () => {
    const { add } = makeWatch();
    const { signal, counts } = countingSignal();
    for (let requests = 0; requests < 5; requests++) end(add(signal));
    expect(counts).toEqual({ added: 2, listening: 1 });
  });

  it('keeps one listener of a signal that many watch, and leaves it to another once it closed', () => {
    const { signal, counts } = countingSignal();
    const watches = Array.from({ length: 20 }, makeWatch);
    const useAll = (): void => {
      for (const { add } of watches) end(add(signal));
    };
    for (let rounds = 0; rounds < 3; rounds++) useAll();
    expect(counts.listening).toBe(1);
    watches.shift()?.watch.close();
    expect(counts.listening).toBe(0);
    useAll();
    const { added } = counts;
    for (const { add } of watches.slice(0, 1)) end(add(signal));
    expect(counts).toEqual({ added, listening: 1 });
  });

  it('tells all who wait with a signal, and nobody else', () => {
    const { add, heard } = makeWatch();
    const [aborted, other] = [countingSignal(), countingSignal()];
    for (let requests = 0; requests < 2; requests++) end(add(aborted.signal));
    const waiting = [add(aborted.signal), add(aborted.signal)];
    add(other.signal);
    aborted.controller.abort();
    expect(heard).toEqual(waiting);
    for (const cohort of waiting) end(cohort);
  });

  it('tells nobody of a signal that nobody waits with', () => {
    const { add, heard } = makeWatch();
    const { controller, signal } = countingSignal();
    for (let requests = 0; requests < 2; requests++) end(add(signal));
    controller.abort();
    expect(heard).toEqual([]);
  });

  it('leaves those that nobody waits with once it listens to 1,024', () => {
    const { add } = makeWatch();
    const [idle, busy] = [countingSignal(), countingSignal()];
    for (let requests = 0; requests < 2; requests++) end(add(idle.signal));
    add(busy.signal);
    for (let others = 0; others < 1022; others++) add(new AbortController().signal);
    expect(idle.counts.listening).toBe(1);
    add(new AbortController().signal);
    expect([idle.counts.listening, busy.counts.listening]).toEqual([0, 1]);
    add(idle.signal);
    expect(idle.counts).toEqual({ added: 3, listening: 1 });
  });

  it('looks through many that are all waited with no more than once for twice as many', () => {
    const { add } = makeWatch();
    const idle = countingSignal();
    let listening = 0;
    const addUpTo = (count: number): void => {
      for (; listening < count; listening++) add(new AbortController().signal);
    };
    addUpTo(1025);
    for (let requests = 0; requests < 2; requests++) end(add(idle.signal));
    addUpTo(2047);
    expect(idle.counts.listening).toBe(1);
    addUpTo(2048);
    expect(idle.counts.listening).toBe(0);
  });

  it('leaves all signals when it closes', () => {
    const { watch, add, heard } = makeWatch();
    const [first, second] = [countingSignal(), countingSignal()];
    for (const { signal } of [first, second, first, second]) end(add(signal));
    expect([first.counts.listening, second.counts.listening]).toEqual([1, 1]);
    watch.close();
    expect([first.counts.listening, second.counts.listening]).toEqual([0, 0]);
    first.controller.abort();
    expect(heard).toEqual([]);
  });
});
