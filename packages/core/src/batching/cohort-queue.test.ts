import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ageingMs, type Cohort } from './cohort';
import { cohortOf, layoutNamed } from './cohort.fixture';
import { CohortQueue } from './cohort-queue';
import type { BatchLayout } from './layout';
import { ShapeCosts } from './shape-costs';

const only = layoutNamed('');

function request(
  given: { rows?: number; rank?: number; deadline?: number; at?: number; layout?: BatchLayout; key?: string } = {},
): Cohort {
  const { rows = 1, at = 0, layout = only, ...traits } = given;
  return cohortOf([rows], { ...traits, enqueuedAt: at, layout });
}

function queueOf(quantum = 8): CohortQueue {
  return new CohortQueue(quantum, () => new ShapeCosts(1, 64, 'latency'));
}

/** Takes the next batch, whatever its shape. */
function take(queue: CohortQueue, maxRows: number, now = 0): Cohort[] {
  const bucket = queue.mostUrgent(now, () => true);
  return bucket === undefined ? [] : queue.take(bucket, maxRows, now, () => {});
}

function end(queue: CohortQueue, gone: Cohort): void {
  gone.state = 'done';
  queue.bury(gone);
}

describe('the queue', () => {
  test('counts what waits', () => {
    const queue = queueOf();
    const [a, b] = [request({ rows: 3 }), request({ rows: 2 })];
    queue.push(a);
    queue.push(b);
    expect([queue.requests, queue.rows, queue.bytes]).toEqual([2, 5, 50]);
    end(queue, a);
    expect([queue.requests, queue.rows, queue.bytes]).toEqual([1, 2, 20]);
    expect(take(queue, 8)).toEqual([b]);
    expect(b.state).toBe('in-flight');
    expect([queue.requests, queue.rows, queue.bytes]).toEqual([0, 0, 0]);
    expect(take(queue, 8)).toEqual([]);
  });

  test('finds the most urgent shape among those that are ready', () => {
    const queue = queueOf();
    queue.push(request({ rows: 3, layout: layoutNamed('a') }));
    queue.push(request({ rows: 4, layout: layoutNamed('b'), at: 1 }));
    const ready = (rows: number) => queue.mostUrgent(0, (bucket) => bucket.rows >= rows)?.layout.key;
    expect([ready(3), ready(4), ready(5)]).toEqual(['a', 'b', undefined]);
  });

  test('parts a cohort that fits in part, and keeps the rest in its place', () => {
    const queue = queueOf();
    const cohort = cohortOf([2, 1, 3, 1]);
    queue.push(cohort);
    const [first] = take(queue, 4) as [Cohort];
    expect(first.memberRows).toEqual([2, 1]);
    expect([first.start, first.rows]).toEqual([0, 3]);
    expect([queue.requests, queue.rows, queue.bytes]).toEqual([2, 4, 40]);
    queue.push(cohortOf([1], { deadline: 5 }));
    expect(take(queue, 4).map(({ memberRows }) => memberRows)).toEqual([[1], [3]]);
    const [last] = take(queue, 4) as [Cohort];
    expect([last.start, last.memberRows]).toEqual([6, [1]]);
    expect(queue.requests).toBe(0);
  });

  test('never mixes layouts, and takes those that run alone one by one', () => {
    const queue = queueOf();
    const [a, b, alone] = [layoutNamed('a'), layoutNamed('b'), layoutNamed('alone', false)];
    for (const layout of [a, b, a, alone, b, alone]) queue.push(request({ layout }));
    const batches: string[] = [];
    while (queue.requests > 0)
      batches.push(
        take(queue, 8)
          .map(({ slab }) => slab.layout.key)
          .join(),
      );
    expect(batches.sort()).toEqual(['a,a', 'alone', 'alone', 'b,b']);
  });

  test('takes no request past the limit, unless it is the first', () => {
    const queue = queueOf();
    for (const rows of [3, 6, 1]) queue.push(request({ rows }));
    expect(take(queue, 4).map(({ rows }) => rows)).toEqual([3]);
    expect(take(queue, 4).map(({ rows }) => rows)).toEqual([6]);
    expect(take(queue, 4).map(({ rows }) => rows)).toEqual([1]);
  });

  test('moves a request up one class for each ageing time that it has waited', () => {
    const takeFirst = (lowAt: number, highAt: number, now: number): number => {
      const queue = queueOf();
      queue.push(request({ rank: 2, at: lowAt }));
      queue.push(request({ rank: 0, at: highAt }));
      return (take(queue, 1, now)[0] as Cohort).traits.rank;
    };
    const later = 2 * ageingMs;
    expect(takeFirst(0, later - 1, later - 1)).toBe(0);
    expect(takeFirst(0, later, later)).toBe(2);
    // Both age, so that the older of high priority stays ahead.
    expect(takeFirst(0, 0, 10 * ageingMs)).toBe(0);
  });

  test('keeps in memory nothing that was taken or has ended', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const queue = queueOf();
    const refs: WeakRef<Cohort>[] = [];
    (() => {
      for (let index = 0; index < 300; index++) {
        const made = request();
        queue.push(made);
        refs.push(new WeakRef(made));
      }
      for (let index = 0; index < 100; index++) take(queue, 1);
      for (let index = 200; index < 300; index++) end(queue, refs[index]?.deref() as Cohort);
      for (let index = 100; index < 150; index++) take(queue, 1);
    })();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const kept = refs.map((ref) => ref.deref() !== undefined);
    expect(kept.slice(0, 150).filter(Boolean)).toHaveLength(0);
    expect(kept.slice(150, 200).filter(Boolean)).toHaveLength(50);
    expect(queue.requests).toBe(50);
  });

  test('agrees with a plain list that is sorted anew each time', () => {
    const layouts = [layoutNamed('a'), layoutNamed('b'), layoutNamed('alone', false)];
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('push' as const),
          rows: fc.integer({ min: 1, max: 5 }),
          rank: fc.nat(2),
          left: fc.option(fc.integer({ min: 1, max: 3000 }), { nil: Number.POSITIVE_INFINITY }),
          layout: fc.nat(2),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const), max: fc.integer({ min: 1, max: 8 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), index: fc.nat(40) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 900 }) }) },
    );
    void fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = queueOf();
        let waiting: Cohort[] = [];
        let now = 0;
        const aged = (r: Cohort): number => r.traits.rank - Math.floor((now - r.traits.enqueuedAt) / ageingMs);
        for (const action of steps) {
          if (action.kind === 'wait') now += action.ms;
          if (action.kind === 'push') {
            const { rows, rank, left, layout } = action;
            const made = request({ rows, rank, deadline: now + left, at: now, layout: layouts[layout] as BatchLayout });
            waiting.push(made);
            queue.push(made);
          }
          if (action.kind === 'end') {
            const gone = waiting[action.index % Math.max(1, waiting.length)];
            if (gone === undefined) continue;
            waiting = waiting.filter((other) => other !== gone);
            end(queue, gone);
          }
          if (action.kind === 'take') {
            const requests = take(queue, action.max, now);
            expect(requests.length > 0).toBe(waiting.length > 0);
            if (requests.length === 0) continue;
            const [first] = requests as [Cohort];
            const { layout } = first.slab;
            // The most urgent of each class is its first by urgency; of these, the aged class decides.
            const heads = new Map<string, Cohort>();
            for (const other of waiting) {
              const key = `${other.slab.layout.key} ${other.traits.rank}`;
              const head = heads.get(key);
              if (head === undefined || other.urgency < head.urgency) heads.set(key, other);
            }
            for (const head of heads.values()) {
              const before = aged(head) < aged(first) || (aged(head) === aged(first) && head.urgency < first.urgency);
              expect(before).toBe(false);
            }
            const rows = requests.reduce((sum, other) => sum + other.rows, 0);
            if (requests.length > 1) expect(rows).toBeLessThanOrEqual(action.max);
            if (!layout.joinable) expect(requests).toHaveLength(1);
            for (const taken of requests) {
              expect(waiting).toContain(taken);
              expect(taken.slab.layout).toBe(layout);
              expect(taken.state).toBe('in-flight');
            }
            waiting = waiting.filter((other) => !requests.includes(other));
          }
          expect(queue.requests).toBe(waiting.length);
          expect(queue.rows).toBe(waiting.reduce((sum, other) => sum + other.rows, 0));
          expect(queue.bytes).toBe(queue.rows * 10);
        }
      }),
      { numRuns: 200 },
    );
  });
});
