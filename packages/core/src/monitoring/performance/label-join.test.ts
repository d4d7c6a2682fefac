import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LabelJoin } from './label-join';

const join = (limits: Partial<ConstructorParameters<typeof LabelJoin>[0]> = {}) =>
  new LabelJoin({ maxPredictions: 3, predictionTtlMs: 100, maxEarlyLabels: 2, earlyLabelTtlMs: 50, ...limits });

describe('a label', () => {
  it('meets its prediction, once', () => {
    const joined = join();
    expect(joined.addPrediction('a', 0)).toEqual({ kind: 'waiting', slot: 0 });
    expect(joined.addLabel('a', 1, 5, 5)).toEqual({ kind: 'matched', slot: 0 });
    expect(joined.addLabel('a', 1, 6, 6)).toEqual({ kind: 'duplicate' });
    expect(joined.addLabel('a', 2, 7, 7)).toEqual({ kind: 'changed', slot: 0 });
    expect(joined.addLabel('a', 2, 8, 8)).toEqual({ kind: 'duplicate' });
    expect(joined.labels).toEqual({ matched: 1, early: 0, waiting: 0, duplicate: 2, changed: 1, unknown: 0 });
    expect(joined.predictions).toEqual({ seen: 1, duplicate: 0, waiting: 0, expired: 0, evicted: 0 });
  });

  it('waits for a prediction that comes later, within its own limits', () => {
    const joined = join();
    expect(joined.addLabel('a', 1, 0, 0)).toEqual({ kind: 'early' });
    expect(joined.addLabel('a', 1, 0, 1)).toEqual({ kind: 'duplicate' });
    expect(joined.addLabel('a', 3, 9, 2)).toEqual({ kind: 'changed-early' });
    expect(joined.addPrediction('a', 10)).toEqual({ kind: 'matched', slot: 0, label: 3, labelAt: 9 });
    joined.addLabel('b', 1, 0, 20);
    joined.addLabel('c', 1, 0, 21);
    joined.addLabel('d', 1, 0, 22);
    expect(joined.labels).toMatchObject({ matched: 1, early: 1, waiting: 2, unknown: 1 });
    joined.expire(71.5);
    expect(joined.labels).toMatchObject({ waiting: 1, unknown: 2 });
    expect(joined.addPrediction('c', 72).kind).toBe('waiting');
    expect(joined.addPrediction('d', 72).kind).toBe('matched');
  });

  it('is unknown at once where none may wait', () => {
    const joined = join({ maxEarlyLabels: 0 });
    joined.addLabel('a', 1, 0, 0);
    expect(joined.labels).toMatchObject({ waiting: 0, unknown: 1 });
  });
});

describe('a prediction', () => {
  it('gives way to newer ones, or when its time is over, and is counted by which', () => {
    const joined = join();
    for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) joined.addPrediction(id, i * 10);
    expect(joined.predictions).toMatchObject({ seen: 4, waiting: 3, evicted: 1 });
    joined.expire(111);
    expect(joined.predictions).toMatchObject({ waiting: 2, expired: 1 });
    // One that was labelled is forgotten without being counted as unlabelled.
    joined.addLabel('c', 1, 0, 112);
    joined.expire(1000);
    expect(joined.predictions).toMatchObject({ waiting: 0, expired: 2, evicted: 1 });
    expect(joined.addLabel('c', 1, 0, 1001)).toEqual({ kind: 'early' });
  });

  it('whose id is known is a duplicate, and the first one stays', () => {
    const joined = join();
    joined.addPrediction('a', 0);
    expect(joined.addPrediction('a', 1)).toEqual({ kind: 'duplicate' });
    expect(joined.predictions).toMatchObject({ seen: 1, duplicate: 1, waiting: 1 });
  });
});

describe('whatever comes', () => {
  it('every prediction and every label is counted once, and memory stays bounded', () => {
    const event = fc.record({
      id: fc.integer({ min: 0, max: 12 }),
      value: fc.integer({ min: 0, max: 1 }),
      isLabel: fc.boolean(),
      after: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const joined = join({ maxPredictions: 5, maxEarlyLabels: 3 });
        let now = 0;
        let predictions = 0;
        let labels = 0;
        for (const { id, value, isLabel, after } of events) {
          now += after;
          if (isLabel) joined.addLabel(String(id), value, now, now);
          else joined.addPrediction(String(id), now);
          if (isLabel) labels++;
          else predictions++;
          const counted = joined.predictions;
          const told = joined.labels;
          expect(counted.seen + counted.duplicate).toBe(predictions);
          expect(counted.seen).toBe(told.matched + counted.waiting + counted.expired + counted.evicted);
          expect(counted.waiting).toBeLessThanOrEqual(5);
          expect(told.waiting).toBeLessThanOrEqual(3);
          expect(told.matched + told.waiting + told.duplicate + told.changed + told.unknown).toBe(labels);
        }
      }),
    );
  });
});
