import { describe, expect, it } from 'vitest';
import { createTensor, type Tensors } from '../tensor/tensor';
import { createVirtualClock } from '../testing/virtual-clock';
import { createDriftMonitor } from './drift-monitor';
import { fitReference } from './fit-reference';
import { createRandom } from './random';
import type { Reference } from './reference';
import { parseReference, serializeReference } from './reference-format';
import { seasonCount, seasonOf } from './seasons';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const hourMs = 3_600_000;

describe('seasonOf', () => {
  it.each([
    ['hour-of-day', '1970-01-01T00:00:00Z', 0, 0],
    ['hour-of-day', '2026-11-25T23:59:59Z', 0, 23],
    ['hour-of-day', '2026-11-25T23:59:59Z', 60, 0],
    ['day-of-week', '2026-11-23T00:00:00Z', 0, 0],
    ['day-of-week', '2026-11-22T23:59:59Z', 0, 6],
    ['day-of-week', '1969-12-31T12:00:00Z', 0, 2],
    ['hour-of-week', '2026-11-25T13:30:00Z', 0, 2 * 24 + 13],
    ['hour-of-week', '2026-11-23T00:30:00Z', -60, 167],
  ] as const)('%s of %s, %i minutes ahead, is %i', (kind, time, offset, season) => {
    expect(seasonOf(Date.parse(time), kind, offset)).toBe(season);
    expect(season).toBeLessThan(seasonCount(kind));
  });
});

/** One feature that is 2 higher in the second half of the day. */
function createRows(seed: number) {
  const random = createRandom(seed);
  return (hour: number, rows: number, shift = 0): Tensors => ({
    x: createTensor(
      'float64',
      [rows, 1],
      Float64Array.from({ length: rows }, () => random() + (hour < 12 ? 0 : 2) + shift),
    ),
  });
}

async function fitted(seasonal: boolean): Promise<Reference> {
  const rows = createRows(1);
  const days = Array.from({ length: 24 * 20 }, (_, i) => ({ time: i * hourMs, tensors: rows(i % 24, 10) }));
  const times = (row: number) => days[Math.floor(row / 10)]?.time ?? Number.NaN;
  return fitReference(
    days.map(({ tensors }) => tensors),
    seasonal ? { seasons: { kind: 'hour-of-day', times } } : {},
  );
}

/** Sends two days, an hour at a time; answers whether there was an alarm, and the season of each look. */
async function alarmsOf(reference: Reference, shiftOf: (hour: number) => number) {
  const clock = createVirtualClock();
  const monitor = createDriftMonitor({ reference, clock, logger: silent, meanTimeBetweenFalseAlarms: 20_000 });
  const rows = createRows(2);
  await clock.advance(24 * hourMs - (clock.epochMs() % (24 * hourMs)));
  const seasons = new Set<number | null>();
  for (let hour = 0; hour < 48; hour++) {
    monitor.observe(rows(hour % 24, 40, shiftOf(hour)));
    seasons.add(monitor.report().season);
    await clock.advance(hourMs);
  }
  return { alarms: monitor.snapshot().alarms, seasons, monitor };
}

describe('a reference with seasons', () => {
  it('knows the time of the day, which one without takes for drift', async () => {
    expect((await alarmsOf(await fitted(false), () => 0)).alarms).toBeGreaterThan(0);
    const { alarms, seasons } = await alarmsOf(await fitted(true), () => 0);
    expect(alarms).toBe(0);
    expect(seasons).toEqual(new Set(Array.from({ length: 24 }, (_, hour) => hour)));
  });

  it('sees what is usual at another hour as drift', async () => {
    const reference = await fitted(true);
    // What comes at noon is usual in the evening.
    const { alarms, monitor } = await alarmsOf(reference, (hour) => (hour >= 30 && hour < 36 ? 2 : 0));
    expect(alarms).toBe(1);
    expect(monitor.snapshot().features[0]?.missing).toBe(0);
  });

  it('comes back from its file, and is checked', async () => {
    const reference = await fitted(true);
    expect(parseReference(serializeReference(reference))).toEqual(reference);
    const { seasons } = reference;
    if (seasons === undefined) throw new Error('no seasons');
    const broken = (change: object) =>
      serializeReference({ ...reference, seasons: { ...seasons, ...change } } as Reference);
    const other = { ...(seasons.references[0] as Reference), inputs: [{ name: 'y', dtype: 'float64', width: 1 }] };
    for (const [change, field] of [
      [{ references: seasons.references.slice(1) }, 'reference.seasons.references'],
      [{ kind: 'month' }, 'reference.seasons.kind'],
      [{ references: [other, ...seasons.references.slice(1)] }, 'reference.seasons.references.0.inputs'],
      [
        { references: [{ ...seasons.references[0], rows: 7 }, ...seasons.references.slice(1)] },
        'reference.seasons.references.0.features.0.counts',
      ],
    ] as const) {
      expect(() => parseReference(broken(change))).toThrow(
        expect.objectContaining({ code: 'STORE_CORRUPT', details: expect.objectContaining({ field }) }),
      );
    }
  });

  it('compares seasons with too few rows with the whole', async () => {
    const rows = createRows(3);
    const times = Array.from({ length: 1000 }, (_, row) => (row < 950 ? 0 : 5 * hourMs));
    const reference = await fitReference(rows(0, 1000), { seasons: { kind: 'hour-of-day', times } });
    expect(reference.seasons?.references.map((season) => season?.rows ?? null).slice(0, 6)).toEqual([
      ...[950, null, null, null, null, null],
    ]);
    const clock = createVirtualClock();
    const monitor = createDriftMonitor({ reference, clock, logger: silent });
    await clock.advance(29 * hourMs - (clock.epochMs() % (24 * hourMs)));
    monitor.observe(rows(0, 10));
    expect(monitor.report().season).toBeNull();
    expect(monitor.snapshot().rowsObserved).toBe(10);
  });

  it('refuses rows without a time', async () => {
    const rows = createRows(4)(0, 3);
    await expect(fitReference(rows, { seasons: { kind: 'day-of-week', times: [1, 2] } })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'seasons.times[2]' },
    });
  });
});
