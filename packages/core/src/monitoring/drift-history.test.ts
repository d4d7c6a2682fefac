import { describe, expect, it } from 'vitest';
import { DriftHistory } from './drift-history';

const log10Of = (evidence: number) => Math.log10(Math.max(1, evidence));
const at = (rowsSeen: number) => ({ rowsSeen, rowsObserved: rowsSeen, epochMs: rowsSeen * 10 });

describe('DriftHistory', () => {
  it('keeps a point for every look, with the most evidence since the last', () => {
    const history = new DriftHistory();
    history.weigh(10);
    history.weigh(1000);
    history.weigh(100);
    history.look(at(50), 'warning');
    history.look(at(100), 'ok');
    expect(history.report(at(100), 'ok', log10Of)).toEqual({
      looksPerPoint: 1,
      points: [
        { epochMs: 500, rowsSeen: 50, evidenceLog10: 3, state: 'warning' },
        { epochMs: 1000, rowsSeen: 100, evidenceLog10: 0, state: 'ok' },
      ],
      episodes: [],
    });
  });

  it('adds the moment of the report where rows came since the last look', () => {
    const history = new DriftHistory();
    expect(history.report(at(0), 'ok', log10Of).points).toEqual([]);
    history.weigh(100);
    const { points } = history.report(at(7), 'warning', log10Of);
    expect(points).toEqual([{ epochMs: 70, rowsSeen: 7, evidenceLog10: 2, state: 'warning' }]);
  });

  it.each([241, 480, 481, 1000, 100_000])('covers %i looks with 240 points at most, and loses no peak', (looks) => {
    const history = new DriftHistory();
    for (let look = 1; look <= looks; look++) {
      if (look === 5) history.weigh(1e9);
      history.look(at(look), look === 5 ? 'drift' : 'ok');
    }
    const { points, looksPerPoint } = history.report(at(looks), 'ok', log10Of);
    const full = points.filter(({ rowsSeen }) => rowsSeen % looksPerPoint === 0);
    expect(full.length).toBeGreaterThanOrEqual(120);
    expect(points.length).toBeLessThanOrEqual(241);
    expect(points.at(-1)?.rowsSeen).toBe(looks);
    expect(full.map(({ rowsSeen }) => rowsSeen)).toEqual(full.map((_, index) => (index + 1) * looksPerPoint));
    const peaks = points.filter(({ evidenceLog10 }) => evidenceLog10 > 0);
    expect(peaks).toMatchObject([{ evidenceLog10: 9, state: 'drift' }]);
    expect(peaks[0]?.rowsSeen).toBe(Math.ceil(5 / looksPerPoint) * looksPerPoint);
  });

  it('keeps the latest 32 episodes', () => {
    const history = new DriftHistory();
    const mover = { name: 'a' } as never;
    for (let i = 0; i < 40; i++) {
      history.begin({ id: `e${i}`, startedAtRow: i, startedAtMs: i }, 7, [mover, mover, mover, mover]);
      if (i < 39) history.end(at(i + 1), 'recovered');
    }
    const { episodes } = history.report(at(40), 'drift', log10Of);
    expect(episodes).toHaveLength(32);
    expect(episodes[0]).toEqual({
      id: 'e8',
      startedAtRow: 8,
      startedAtMs: 8,
      endedAtRow: 9,
      endedAtMs: 90,
      endReason: 'recovered',
      evidenceLog10: 7,
      topMovers: ['a', 'a', 'a'],
    });
    expect(episodes.at(-1)).toMatchObject({ id: 'e39', endedAtRow: null, endedAtMs: null, endReason: null });
  });
});
