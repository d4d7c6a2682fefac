import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createRandom } from '../random';
import { createEmbeddings, rotated, shifted, silent } from './embedding.fixture';
import { createEmbeddingMonitor } from './embedding-monitor';
import type { EmbeddingMonitorOptions } from './embedding-options';
import { fitEmbeddingReference } from './fit-embedding-reference';

const width = 16;

async function setUp(options: Partial<EmbeddingMonitorOptions> = {}, seed = 1) {
  const clock = createVirtualClock();
  const draw = createEmbeddings(seed, width);
  const reference = await fitEmbeddingReference(draw(2000), { projections: 8 });
  const told: string[] = [];
  const monitor = createEmbeddingMonitor({
    reference,
    meanTimeBetweenFalseAlarms: 20_000,
    mmd: { everyRows: 500, sampleRows: 100 },
    clock,
    logger: silent,
    on: {
      'drift-start': ({ cause }) => void told.push(`start ${cause}`),
      'drift-end': ({ reason }) => void told.push(`end ${reason}`),
    },
    ...options,
  });
  const send = async (rows: number, change?: Parameters<typeof draw>[1]): Promise<void> => {
    for (let sent = 0; sent < rows; sent += 100) {
      monitor.observe(draw(100, change));
      await clock.settle();
    }
  };
  return { clock, draw, reference, monitor, send, told };
}

describe('an embedding monitor', () => {
  it('stays ok without a drift, and tests on schedule', async () => {
    const { monitor, send } = await setUp();
    await send(5000);
    const { projections, ...report } = monitor.report();
    expect(report).toMatchObject({ state: 'ok', rowsSeen: 5000, rowsObserved: 5000, alarms: 0, mmdTests: 10 });
    expect(report.mmd).toMatchObject({ level: 0.0125, referenceRows: 256, windowRows: 100, atRow: 5000 });
    expect(projections.rowsObserved).toBe(5000);
    expect(report.alarmLevelLog10).toBeCloseTo(Math.log10(40_000), 10);
    await monitor.close();
  });

  it('finds a shift of a few dimensions, and says which', async () => {
    const { monitor, send, told } = await setUp();
    await send(3000);
    await send(3000, shifted(1, 3));
    expect(monitor.state).toBe('drift');
    expect(told).toEqual([expect.stringMatching('start')]);
    const { topShifts, episode } = monitor.report();
    expect(topShifts.slice(0, 3).map(({ dimension }) => dimension)).toEqual(expect.arrayContaining([0, 1, 2]));
    expect(topShifts[0]?.shift).toBeGreaterThan(0.6);
    expect((episode?.startedAtRow ?? 0) - 3000).toBeLessThan(1000);
    await send(20_000);
    expect(monitor.state).toBe('ok');
    expect(told.at(-1)).toBe('end recovered');
    await monitor.close();
  });

  it('finds a rotation, which moves no value out of its range', async () => {
    const { monitor, send } = await setUp();
    await send(3000);
    await send(3000, rotated(Math.PI / 2));
    expect(monitor.report()).toMatchObject({ state: 'drift', mmd: { differs: true } });
    await monitor.close();
  });

  it('finds by the test alone what moves no feature far: each pair of dimensions hangs together the other way', async () => {
    const causes: string[] = [];
    const clock = createVirtualClock();
    const random = createRandom(6);
    // Two dimensions that are equal but for some noise, or opposite; the one projection is their sum or difference.
    const draw = (rows: number, opposite: boolean) => {
      const data = new Float32Array(rows * 40);
      for (let i = 0; i < data.length; i += 2) {
        const common = random() - 0.5;
        // In every other pair the other way, so that sums of all of them spread alike.
        const sign = opposite === (i % 4 === 0) ? -1 : 1;
        data[i] = common + (random() - 0.5) * 0.1;
        data[i + 1] = sign * common + (random() - 0.5) * 0.1;
      }
      return { dtype: 'float32' as const, shape: [rows, 40], data };
    };
    const monitor = createEmbeddingMonitor({
      reference: await fitEmbeddingReference(draw(1000, false), { projections: 1, seed: 4 }),
      meanTimeBetweenFalseAlarms: 20_000,
      mmd: { everyRows: 600, sampleRows: 500 },
      clock,
      logger: silent,
      on: { 'drift-start': ({ cause }) => void causes.push(cause) },
    });
    for (let i = 0; i < 6; i++) {
      monitor.observe(draw(600, true));
      await clock.settle();
    }
    expect(causes).toEqual(['mmd']);
    expect(monitor.report()).toMatchObject({ projections: { state: 'ok' }, mmd: { differs: true } });
    await monitor.close();
  });

  it('makes one episode of what projections and tests both find: embeddings that collapsed to a point', async () => {
    const { monitor, send, told } = await setUp();
    await send(1000);
    await send(1500, (row) => void row.fill(0));
    expect(monitor.report()).toMatchObject({ alarms: 1, mmd: { differs: true }, projections: { state: 'drift' } });
    expect(told).toHaveLength(1);
    await monitor.close();
  });

  it('counts rows that are not finite as missing values, and leaves them out of tests', async () => {
    const { monitor, send } = await setUp();
    await send(1000);
    await send(500, (row) => {
      row[3] = Number.NaN;
    });
    expect(monitor.snapshot()).toMatchObject({ nonFiniteRows: 500, mmdTests: 2, state: 'drift' });
    expect(monitor.report()).toMatchObject({ projections: { state: 'drift' }, mmd: { differs: false, atRow: 1000 } });
    await monitor.close();
  });

  it('starts anew with another reference', async () => {
    const { monitor, send, told, draw } = await setUp();
    await send(1500, shifted(2, width));
    expect(monitor.state).toBe('drift');
    monitor.useReference(await fitEmbeddingReference(draw(2000, shifted(2, width)), { projections: 8 }));
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', mmd: null, alarms: 1 });
    expect(told.at(-1)).toBe('end reference-change');
    await send(2000, shifted(2, width));
    expect(monitor.state).toBe('ok');
    await monitor.close();
  });

  it('does nothing after it was closed', async () => {
    const { monitor, draw, clock } = await setUp();
    monitor.observe(draw(600));
    await monitor.close();
    await clock.settle();
    expect(monitor.snapshot().mmdTests).toBe(0);
    expect(clock.pendingTimers).toBe(0);
    expect(() => monitor.observe(draw(1))).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('keeps the stated time: no more alarms than allowed, and tests at their level', async () => {
    const stated = 4000;
    const streams = 20;
    const rows = 10 * stated;
    let alarms = 0;
    let tests = 0;
    let differing = 0;
    for (let stream = 0; stream < streams; stream++) {
      const clock = createVirtualClock();
      const draw = createEmbeddings(900 + stream, 6);
      const reference = await fitEmbeddingReference(draw(1000), { projections: 4, sampleRows: 60 });
      const monitor = createEmbeddingMonitor({
        reference,
        meanTimeBetweenFalseAlarms: stated,
        mmd: { everyRows: 250, sampleRows: 60, permutations: 99, seed: stream },
        windowRows: 200,
        clock,
        logger: silent,
        on: {
          'drift-start': () => void alarms++,
          'mmd-test': ({ differs }) => {
            tests++;
            if (differs) differing++;
          },
        },
      });
      for (let sent = 0; sent < rows; sent += 250) {
        monitor.observe(draw(250));
        await clock.settle();
      }
      await monitor.close();
    }
    const allowed = (streams * rows) / stated;
    expect(tests).toBe((streams * rows) / 250);
    expect(alarms).toBeLessThanOrEqual(allowed + 3 * Math.sqrt(allowed));
    expect(alarms).toBeGreaterThan(allowed / 5);
    // Half of the allowed ones: 3.125 % of the tests.
    expect(differing).toBeLessThanOrEqual(allowed / 2 + 3 * Math.sqrt(allowed / 2));
    expect(differing).toBeGreaterThan(allowed / 8);
  }, 60_000);
});
