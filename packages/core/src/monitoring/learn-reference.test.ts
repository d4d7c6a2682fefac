import { describe, expect, it } from 'vitest';
import { createTensor, type Tensors } from '../tensor/tensor';
import { createVirtualClock } from '../testing/virtual-clock';
import { createDriftMonitor } from './drift-monitor';
import type { DriftMonitorOptions } from './drift-options';
import { fitReference } from './fit-reference';
import { createRandom } from './random';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function createRows(seed: number) {
  const random = createRandom(seed);
  return (rows: number, shift = 0): Tensors => ({
    x: createTensor(
      'float32',
      [rows, 2],
      Float32Array.from({ length: rows * 2 }, () => random() + shift),
    ),
    name: createTensor('string', [rows], Array(rows).fill('someone')),
  });
}

function createMonitor(options: DriftMonitorOptions = {}) {
  const clock = createVirtualClock();
  const errors: string[] = [];
  const logger = { ...silent, error: (_details: object, message: string) => void errors.push(message) };
  return { clock, errors, monitor: createDriftMonitor({ learnRows: 500, clock, logger, ...options }) };
}

describe('learnRows', () => {
  it('learns the reference from the first rows, then compares the others with it', async () => {
    const { monitor, clock } = createMonitor();
    const rows = createRows(1);
    const learned = Array.from({ length: 5 }, () => rows(100));
    for (const batch of learned) monitor.observe(batch);
    expect(monitor.reference).toBeUndefined();
    // Until it is fitted, in a later turn, rows are counted as used for learning too.
    monitor.observe(rows(7));
    await clock.settle();
    const data = learned.flatMap(({ x }) => [...((x as { data: ArrayLike<number> }).data as Float32Array)]);
    const expected = await fitReference({ x: createTensor('float32', [500, 2], Float32Array.from(data)) });
    expect(monitor.reference).toEqual(expected);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 507, rowsObserved: 0, rowsSkipped: { learning: 507 } });
    monitor.observe(rows(3000));
    expect(monitor.state).toBe('ok');
    monitor.observe(rows(200, 1));
    expect(monitor.state).toBe('drift');
  });

  it('stops when a reference comes from elsewhere', async () => {
    const { monitor, clock } = createMonitor();
    const rows = createRows(2);
    monitor.observe(rows(500));
    const other = await fitReference(createRows(3)(400, 5), { inputs: ['x'] });
    monitor.useReference(other);
    await clock.settle();
    expect(monitor.reference).toEqual(other);
  });

  it('says when what it learned is too small for the stated time', async () => {
    const { monitor, clock, errors } = createMonitor({ learnRows: 100, meanTimeBetweenFalseAlarms: 1e9 });
    monitor.observe(createRows(4)(100));
    await clock.settle();
    expect(monitor.reference).toBeUndefined();
    expect(errors).toEqual([expect.stringMatching(/No reference could be learned .* expected at least \d+ rows/)]);
  });

  it('says when rows are of another width than those before', () => {
    const { monitor } = createMonitor();
    monitor.observe(createRows(5)(10));
    expect(() => monitor.observe({ x: createTensor('float32', [4, 3], new Float32Array(12)) })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    );
    expect(monitor.snapshot().rowsSeen).toBe(10);
  });
});
