import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cohort } from './cohort';
import { cohortOf } from './cohort.fixture';
import { FairList } from './fair-list';

/** Takes everything, and tells by whom it was. */
function keysOf(list: FairList, limit = Number.POSITIVE_INFINITY): (string | undefined)[] {
  const keys: (string | undefined)[] = [];
  for (let head = list.peek(); head !== undefined && keys.length < limit; head = list.peek()) {
    list.take(head);
    keys.push(head.traits.key);
  }
  return keys;
}

const keyed = (key: string | undefined, count: number, weight = 1): Cohort[] =>
  Array.from({ length: count }, (_, index) => cohortOf([1], { key, weight, enqueuedAt: index }));

function filled(quantum: number, ...cohorts: Cohort[]): FairList {
  const list = new FairList(quantum);
  for (const cohort of cohorts) list.push(cohort);
  return list;
}

describe('a list that is shared between keys', () => {
  test('goes by urgency alone where nobody named a key', () => {
    const list = filled(1, ...[3, 1, 2].map((deadline) => cohortOf([5], { deadline })));
    const deadlines: number[] = [];
    for (let head = list.peek(); head !== undefined; head = list.peek()) {
      list.take(head);
      deadlines.push(head.traits.deadline);
    }
    expect(deadlines).toEqual([1, 2, 3]);
    expect(list.rows).toBe(0);
  });

  test('gives a latecomer his share before the rest of a flood', () => {
    const list = filled(4, ...keyed('flood', 40));
    expect(keysOf(list, 2)).toEqual(['flood', 'flood']);
    for (const cohort of keyed('late', 3)) list.push(cohort);
    // The flood has two left in this round; the latecomer comes into the same round, and all of his are in it.
    const next = keysOf(list, 5);
    expect(next.filter((key) => key === 'late')).toHaveLength(3);
    expect(keysOf(list)).toHaveLength(36);
  });

  test('shares by weight while both have more than can be computed', () => {
    const list = filled(4, ...keyed('a', 100, 1), ...keyed('b', 100, 3));
    const first = keysOf(list, 80);
    const ofB = first.filter((key) => key === 'b').length;
    expect(ofB).toBe(60);
  });

  test('counts for nobody in particular what came before the first key was named', () => {
    const list = filled(2, ...keyed(undefined, 20));
    for (const cohort of keyed('a', 2)) list.push(cohort);
    expect(keysOf(list, 4).filter((key) => key === 'a')).toHaveLength(2);
    expect(keysOf(list)).toHaveLength(18);
  });

  test('does not let a key starve that waits, however many new keys come', () => {
    const list = filled(2, ...keyed('heavy', 50));
    let served = 0;
    for (let turn = 0; turn < 200; turn++) {
      list.push(cohortOf([1], { key: `new-${turn}`, enqueuedAt: 1000 + turn }));
      const [key] = keysOf(list, 1);
      if (key === 'heavy') served++;
    }
    expect(served).toBeGreaterThan(20);
  });

  test('tells who waits beyond his share, and who would leave last', () => {
    const cohorts = keyed('flood', 6);
    const list = filled(2, ...cohorts, ...keyed('light', 1));
    const last = list.last() as Cohort;
    expect(last).toBe(cohorts[5]);
    expect(list.isBeyondShare(last)).toBe(true);
    expect([list.exceedsShare('flood'), list.exceedsShare('light'), list.exceedsShare('unknown')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(list.mayGrow(cohorts[5] as Cohort)).toBe(true);
    expect(list.mayGrow(cohorts[0] as Cohort)).toBe(false);
  });

  test('says how many rows leave before another', () => {
    const list = filled(2, ...keyed('flood', 10));
    expect(list.rowsBefore(2000, 'light')).toBe(2);
    expect(list.rowsBefore(5000, 'flood')).toBe(10);
    const plain = filled(2, ...[10, 20, 30].map((deadline) => cohortOf([3], { deadline })));
    expect([5, 15, 25, 35].map((urgency) => plain.rowsBefore(urgency, undefined))).toEqual([0, 3, 6, 9]);
  });

  test('loses nothing and keeps its counts, whatever comes and goes', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('push' as const),
          key: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
          rows: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
          weight: fc.constantFrom(0.5, 1, 2),
        }),
      },
      { weight: 2, arbitrary: fc.constant({ kind: 'take' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'part' as const }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('bury' as const), index: fc.nat(20) }) },
    );
    void fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 8 }), (steps, quantum) => {
        const list = new FairList(quantum);
        let waiting: Cohort[] = [];
        for (const action of steps) {
          const head = list.peek();
          expect(head === undefined).toBe(waiting.length === 0);
          if (head !== undefined) expect(waiting).toContain(head);
          if (action.kind === 'push') {
            const cohort = cohortOf(action.rows, { key: action.key, weight: action.weight });
            waiting.push(cohort);
            list.push(cohort);
          }
          if (action.kind === 'take' && head !== undefined) {
            list.take(head);
            head.state = 'in-flight';
            waiting = waiting.filter((other) => other !== head);
          }
          if (action.kind === 'part' && head !== undefined && head.requests > 1) {
            const [first, rest] = head.partAfter(1);
            list.takePart(rest, first.rows);
            waiting = [...waiting.filter((other) => other !== head), rest];
          }
          if (action.kind === 'bury') {
            const gone = waiting[action.index % Math.max(1, waiting.length)];
            if (gone === undefined) continue;
            gone.state = 'done';
            list.bury(gone);
            waiting = waiting.filter((other) => other !== gone);
          }
          expect(list.rows).toBe(waiting.reduce((sum, { rows }) => sum + rows, 0));
        }
        expect(keysOf(list)).toHaveLength(waiting.length);
      }),
      { numRuns: 300 },
    );
  });
});
