import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../testing';
import { createLogBuckets } from '../sketches/create-log-buckets';
import { createFeatureSketch } from '../sketches/feature-sketch';
import { createHyperLogLog } from '../sketches/hyperloglog';
import { createWindow, type EndedWindow, type WindowOptions } from './window';

/** The simplest thing that merges: the numbers themselves. */
class Numbers {
  list: number[] = [];
  reset(): void {
    this.list = [];
  }
  merge(other: Numbers): void {
    this.list.push(...other.list);
  }
}

const sorted = (numbers: Numbers) => [...numbers.list].sort((a, b) => a - b);
const create = () => new Numbers();

describe('a sliding window of rows', () => {
  it('holds the last rows, at most its size, and less by up to a bucket', () => {
    const window = createWindow({ create, by: 'rows', size: 20, buckets: 5 });
    for (let row = 0; row < 100; row++) {
      window.bucket().list.push(row);
      window.addRows(1);
      const held = sorted(window.total());
      const first = row + 1 < 20 ? 0 : Math.floor((row + 1) / 4) * 4 - 16;
      expect(held).toEqual(Array.from({ length: row + 1 - first }, (_, i) => first + i));
      expect(window.rows).toBe(held.length);
      expect(held.length).toBeLessThanOrEqual(20);
    }
  });

  it('tells the room in its bucket, and takes a batch that is larger', () => {
    const window = createWindow({ create, by: 'rows', size: 10, buckets: 2 });
    expect(window.room).toBe(5);
    window.addRows(3);
    expect(window.room).toBe(2);
    window.bucket().list.push(1, 2, 3, 4);
    window.addRows(4);
    expect(window).toMatchObject({ room: 5, rows: 7 });
    expect(window.total().list).toHaveLength(4);
    window.addRows(5);
    expect(window).toMatchObject({ room: 5, rows: 5 });
    expect(window.total().list).toHaveLength(0);
  });

  it('of sketches equals one sketch of its rows', () => {
    const window = createWindow({
      create: () => createFeatureSketch({ distinct: {}, top: {} }),
      by: 'rows',
      size: 500,
    });
    const batch = Float64Array.from({ length: 5 }, () => 0);
    for (let row = 0; row < 2000; row += 5) {
      for (let i = 0; i < 5; i++) batch[i] = Math.sin(row + i) * (row + i);
      window.bucket().addColumn(batch);
      window.addRows(5);
    }
    const whole = createFeatureSketch({ distinct: {}, top: {} });
    for (let row = 2000 - window.rows; row < 2000; row++) whole.add(Math.sin(row) * row);
    const total = window.total();
    expect(window.rows).toBe(450);
    expect(total.toJSON().numeric?.buckets).toEqual(whole.toJSON().numeric?.buckets);
    expect(total.toJSON().distinct).toEqual(whole.toJSON().distinct);
  });

  it('makes its sketches at once and none later', () => {
    let made = 0;
    const createAndCount = () => {
      made++;
      return createLogBuckets();
    };
    const window = createWindow({ create: createAndCount, by: 'rows', size: 40, buckets: 4 });
    expect(made).toBe(5);
    for (let row = 0; row < 200; row++) {
      window.bucket().add(row);
      window.addRows(1);
      window.total();
    }
    window.reset();
    expect(made).toBe(5);
  });
});

describe('a sliding window of time', () => {
  const open = () => {
    const clock = createVirtualClock();
    const window = createWindow({ create, by: 'time', size: 1000, buckets: 4, clock });
    const add = (row: number) => {
      window.bucket().list.push(row);
      window.addRows(1);
    };
    return { clock, window, add };
  };

  it('holds what came in its last stretch', async () => {
    const { clock, window, add } = open();
    for (let row = 0; row < 40; row++) {
      add(row);
      await clock.advance(100);
    }
    // Row 39 came at 3900; it is 4000, where a bucket begins: those since 3250 are left.
    expect(sorted(window.total())).toEqual([33, 34, 35, 36, 37, 38, 39]);
    expect(window.rows).toBe(7);
    expect(window.room).toBe(Infinity);
  });

  it('drops what a gap made old, however long it was', async () => {
    const { clock, window, add } = open();
    add(1);
    await clock.advance(500);
    add(2);
    await clock.advance(499);
    expect(sorted(window.total())).toEqual([1, 2]);
    await clock.advance(1);
    expect(sorted(window.total())).toEqual([2]);
    await clock.advance(499);
    expect(sorted(window.total())).toEqual([2]);
    await clock.advance(1);
    expect(window.rows).toBe(0);
    expect(window.total().list).toEqual([]);
    add(3);
    await clock.advance(1e9);
    expect(window.total().list).toEqual([]);
    add(4);
    await clock.advance(749);
    expect(window.total().list).toEqual([4]);
  });

  it('begins anew after a reset', async () => {
    const { clock, window, add } = open();
    add(1);
    await clock.advance(240);
    window.reset();
    add(2);
    await clock.advance(999);
    expect(window.total().list).toEqual([2]);
    await clock.advance(1);
    expect(window.total().list).toEqual([]);
  });
});

describe('a tumbling window', () => {
  const tumbling = (more: Partial<WindowOptions<Numbers>>) => {
    const clock = createVirtualClock(10_000);
    const ended: (Omit<EndedWindow<Numbers>, 'sketch'> & { readonly list: readonly number[] })[] = [];
    const window = createWindow<Numbers>({
      create,
      by: 'rows',
      size: 3,
      kind: 'tumbling',
      clock,
      onWindowEnd: ({ sketch, ...rest }) => ended.push({ ...rest, list: [...sketch.list] }),
      ...more,
    });
    const add = (...rows: readonly number[]) => {
      window.bucket().list.push(...rows);
      window.addRows(rows.length);
    };
    return { clock, ended, window, add };
  };

  it('of rows ends as soon as it is full', async () => {
    const { clock, ended, window, add } = tumbling({});
    add(1);
    await clock.advance(50);
    add(2);
    expect(ended).toEqual([]);
    expect(window.total().list).toEqual([1, 2]);
    add(3);
    expect(ended).toEqual([{ list: [1, 2, 3], rows: 3, fromEpochMs: 10_000, toEpochMs: 10_050, emptyBefore: 0 }]);
    expect(window.total().list).toEqual([]);
    add(4, 5, 6, 7);
    expect(ended[1]).toMatchObject({ list: [4, 5, 6, 7], rows: 4 });
    expect(window.rows).toBe(0);
  });

  it('of time ends with time, and says how many were empty before', async () => {
    const { clock, ended, window, add } = tumbling({ by: 'time', size: 1000 });
    await clock.advance(500);
    add(1);
    await clock.advance(499);
    window.advance();
    expect(ended).toEqual([]);
    await clock.advance(4501);
    add(2);
    expect(ended).toEqual([{ list: [1], rows: 1, fromEpochMs: 10_000, toEpochMs: 11_000, emptyBefore: 0 }]);
    expect(window.total().list).toEqual([2]);
    await clock.advance(500);
    window.advance();
    expect(ended[1]).toEqual({ list: [2], rows: 1, fromEpochMs: 15_000, toEpochMs: 16_000, emptyBefore: 4 });
    await clock.advance(1000);
    window.advance();
    await clock.advance(1000);
    add(3);
    await clock.advance(1000);
    expect(window.rows).toBe(0);
    expect(ended[2]).toMatchObject({ list: [3], emptyBefore: 2 });
    expect(ended).toHaveLength(3);
  });

  it('is emptied though its listener throws, and may be asked by it', () => {
    let asked = 0;
    const { window, add } = tumbling({
      onWindowEnd: () => {
        asked = window.total().list.length;
        window.addRows(5);
        throw new Error('no room');
      },
    });
    add(1, 2);
    expect(() => add(3)).toThrow('no room');
    expect(asked).toBe(3);
    expect(window.rows).toBe(0);
    expect(window.total().list).toEqual([]);
  });

  it('needs no listener', () => {
    const window = createWindow({ create: () => createHyperLogLog(), by: 'rows', size: 2, kind: 'tumbling' });
    for (const value of ['a', 'b', 'c']) {
      window.bucket().add(value);
      window.addRows(1);
    }
    expect(Math.round(window.total().estimate())).toBe(1);
  });
});

describe('createWindow', () => {
  it.each([
    ['create', {}],
    ['by', { by: 'days' }],
    ['size', { size: 0 }],
    ['size', { size: 15, buckets: 10 }],
    ['size', { size: 1.5 }],
    ['buckets', { buckets: 1 }],
    ['buckets', { buckets: 2000 }],
    ['buckets', { buckets: 2, kind: 'tumbling' }],
    ['kind', { kind: 'hopping' }],
    ['onWindowEnd', { onWindowEnd: () => undefined }],
    ['clock', { clock: {} }],
    ['length', { length: 3 }],
  ])('refuses a wrong %s', (field, wrong) => {
    const given = { by: 'rows', size: 10, ...(field === 'create' ? {} : { create }), ...wrong };
    expect(() => createWindow(given as unknown as WindowOptions<Numbers>)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });

  it('refuses a count of rows that is none', () => {
    const window = createWindow({ create, by: 'rows', size: 10 });
    for (const count of [-1, 0.5, NaN]) {
      expect(() => window.addRows(count)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    expect(window.rows).toBe(0);
  });
});
