import type { PointColumns } from '../store/run-store';
import type { MetricHistory, MetricSummary } from '../store/stored-run';
import type { RunRecord } from '../tracker';
import type { Bench, StoreCase } from './bench';
import { expectCode, expectEqual, expectFields, expectThat } from './expectations';

/* Points of metrics, their order, and what they add up to. */

type Point = readonly [step: number, timestamp: number, value: number];

function pointsOf({ steps, timestamps, values }: Pick<MetricHistory, 'steps' | 'timestamps' | 'values'>): Point[] {
  return Array.from(values, (value, i) => [steps[i] as number, timestamps[i] as number, value]);
}

function compareNumbers(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : a - b || 0;
}

/** Sorted by time, then step, then value: for a store that knows no other order. */
function sorted(points: readonly Point[]): Point[] {
  return [...points].sort((a, b) => a[1] - b[1] || a[0] - b[0] || compareNumbers(a[2], b[2]));
}

/** A value as the store keeps it. */
function keptValue({ keeps }: Bench, value: number): number {
  if (value === 0) return keeps.signOfZero ? value : 0;
  if (Math.abs(value) === Number.MAX_VALUE && !keeps.largestNumbers) return Math.sign(value) * Number.POSITIVE_INFINITY;
  return value;
}

function expectPoints(bench: Bench, what: string, given: readonly Point[], expected: readonly Point[]): void {
  const kept = expected.map(([step, at, value]): Point => [step, at, keptValue(bench, value)]);
  const found = given.map(([step, at, value]): Point => [step, at, keptValue(bench, value)]);
  if (bench.keeps.orderOfPoints) expectEqual(what, found, kept);
  else expectEqual(what, sorted(found), sorted(kept));
}

/** A summary as the store tells it of a run that goes on, or has ended. */
function expectSummary(bench: Bench, given: MetricSummary | undefined, expected: MetricSummary, running = false): void {
  const { last, step, timestamp } = expected;
  const whole = !running || bench.keeps.runningSummaries || given?.count !== undefined;
  const kept = { ...expected, last: keptValue(bench, last) };
  const found = given && { ...given, last: keptValue(bench, given.last) };
  expectEqual('the summary', found, whole ? kept : { last: kept.last, step, timestamp });
}

async function allPoints(record: RunRecord): Promise<Map<string, Point[]>> {
  const found = new Map<string, Point[]>();
  const add = ({ count, keys, keyIds, steps, timestamps, values }: PointColumns): void => {
    for (let i = 0; i < count; i++) {
      const key = keys[keyIds[i] as number] as string;
      const points = found.get(key) ?? [];
      points.push([steps[i] as number, timestamps[i] as number, values[i] as number]);
      found.set(key, points);
    }
  };
  for await (const columns of record.points()) add(columns);
  return found;
}

const start = 1_700_000_000_000;

export const metricCases: readonly StoreCase[] = [
  [
    '2500 points come back, each in its place, NaN and the infinities among them',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const points = Array.from({ length: 2500 }, (_, i): Point => {
        const value = i % 7 === 3 ? (odd[i % 3] as number) : Math.sin(i) * 10 ** (i % 300);
        return [i * 3 - 100, start + i, value];
      });
      for (const [step, timestamp, value] of points) run.log({ 'loss/train': value }, { step, timestamp });
      await run.flush();
      await run.flush();
      await run.complete();
      const other = await bench.tracker();
      const record = await other.getRun(run.id);
      expectPoints(bench, 'the points', pointsOf(await record.history('loss/train')), points);
      const all = await allPoints(record);
      expectEqual('the metrics of which there are points', [...all.keys()], ['loss/train']);
      expectPoints(bench, 'the points in pieces', all.get('loss/train') ?? [], points);
      const numbers = points.map(([, , value]) => value).filter((value) => !Number.isNaN(value));
      expectSummary(bench, record.metrics['loss/train'], {
        count: 2500,
        last: points.at(-1)?.[2] as number,
        step: 7397,
        timestamp: start + 2499,
        min: Math.min(...numbers),
        max: Math.max(...numbers),
      });
    },
  ],
  [
    'values of every size come back as they were, and so do steps',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const values = [0, -0, 0.1, -1 / 3, 5e-324, -2.2e-308, 1e300, -Number.MAX_VALUE, Number.MAX_VALUE, 2 ** 53 + 2];
      const steps = [-3, 0, 1, 2, 2 ** 31, 2 ** 40, 7, 8, 9, Number.MAX_SAFE_INTEGER];
      const points = values.map((value, i): Point => [steps[i] as number, start + i, value]);
      for (const [step, timestamp, value] of points) run.log({ 'größe m:1': value }, { step, timestamp });
      await run.complete();
      const record = await (await bench.tracker()).getRun(run.id);
      expectPoints(bench, 'the points', pointsOf(await record.history('größe m:1')), points);
      expectFields('the summary', record.metrics['größe m:1'], { last: 2 ** 53 + 2, step: Number.MAX_SAFE_INTEGER });
    },
  ],
  [
    'several metrics are kept apart, and each is summed up, also while the run goes on',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      for (let step = 0; step < 5; step++) {
        run.log({ loss: 5 - step, acc: step / 10, nan: Number.NaN }, { step, timestamp: start + step });
        if (step === 2) run.log({ once: -1 }, { step, timestamp: start + step });
      }
      await run.flush();
      const expected = (running: boolean, record: Pick<RunRecord, 'metrics'>): void => {
        const at = { step: 4, timestamp: start + 4 };
        expectSummary(bench, record.metrics.loss, { count: 5, last: 1, min: 1, max: 5, ...at }, running);
        expectSummary(bench, record.metrics.acc, { count: 5, last: 0.4, min: 0, max: 0.4, ...at }, running);
        const nan = { last: Number.NaN, min: Number.NaN, max: Number.NaN };
        expectSummary(bench, record.metrics.nan, { count: 5, ...nan, ...at }, running);
        const once = { count: 1, last: -1, min: -1, max: -1, step: 2, timestamp: start + 2 };
        expectSummary(bench, record.metrics.once, once, running);
        expectEqual('the metrics', Object.keys(record.metrics).sort(), ['acc', 'loss', 'nan', 'once']);
      };
      expected(true, await (await bench.tracker()).getRun(run.id));
      await run.complete();
      const other = await bench.tracker();
      expected(false, await other.getRun(run.id));
      const { runs } = await other.search({ experiments: [bench.experiment] });
      expected(false, runs[0] ?? { metrics: {} });
      const record = await other.getRun(run.id);
      expectEqual('the points of acc', (await record.history('acc')).values, [0, 0.1, 0.2, 0.3, 0.4]);
      const all = await allPoints(record);
      expectEqual('how many points each has', [...all].map(([key, points]) => [key, points.length]).sort(), [
        ['acc', 5],
        ['loss', 5],
        ['nan', 5],
        ['once', 1],
      ]);
      await expectCode('a metric that is not there', 'NOT_FOUND', () => record.history('los'));
    },
  ],
  [
    'the last value is that of the highest step, and of several there the latest',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const logged: Point[] = [
        [5, start + 1, 50],
        [9, start + 2, 90],
        [9, start + 4, 92],
        [9, start + 3, 91],
        [1, start + 5, 10],
      ];
      for (const [step, timestamp, value] of logged) run.log({ m: value }, { step, timestamp });
      await run.complete();
      const record = await (await bench.tracker()).getRun(run.id);
      expectSummary(bench, record.metrics.m, { count: 5, last: 92, step: 9, timestamp: start + 4, min: 10, max: 92 });
      expectPoints(bench, 'the points', pointsOf(await record.history('m')), logged);
    },
  ],
  [
    'points of one step and time are all kept; equal ones too, where the store says so',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const values = [3, 1, 2, 2, 1];
      for (const value of values) run.log({ m: value }, { step: 4, timestamp: start });
      await run.complete();
      const record = await (await bench.tracker()).getRun(run.id);
      const kept = bench.keeps.equalPoints ? values : [...new Set(values)];
      expectPoints(
        bench,
        'the points',
        pointsOf(await record.history('m')),
        kept.map((value) => [4, start, value]),
      );
      if (bench.keeps.orderOfPoints) expectEqual('the last value', record.metrics.m?.last, 1);
    },
  ],
  [
    'points come back in the order in which they were logged, whatever their steps',
    async (bench) => {
      const tracker = await bench.tracker();
      const first = await tracker.startRun({ experiment: bench.experiment });
      const points = [9, 2, 5, 0, 7, 7].map((step, i): Point => [step, start + i, i]);
      for (const [step, timestamp, value] of points.slice(0, 3)) first.log({ m: value }, { step, timestamp });
      await first.complete();
      await bench.tick();
      const again = await (await bench.tracker()).resumeRun(first.id);
      for (const [step, timestamp, value] of points.slice(3)) again.log({ m: value }, { step, timestamp });
      await again.complete();
      const record = await (await bench.tracker()).getRun(first.id);
      expectEqual('the points', pointsOf(await record.history('m')), points);
    },
  ],
  [
    'a history can be thinned: its first and last point, its smallest and largest value stay',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      for (let step = 0; step < 600; step++) {
        const value = step === 123 ? 1000 : step === 456 ? -1000 : step % 10;
        run.log({ m: value }, { step, timestamp: start + step });
      }
      await run.complete();
      const record = await (await bench.tracker()).getRun(run.id);
      const thinned = pointsOf(await record.history('m', { maxPoints: 40 }));
      expectThat(thinned.length <= 40 && thinned.length > 4, `at most 40 points stay, not ${thinned.length}`);
      const steps = thinned.map(([step]) => step);
      for (const step of [0, 123, 456, 599])
        expectThat(steps.includes(step), `step ${step} stays among ${steps.join(' ')}`);
      const whole = new Map(pointsOf(await record.history('m')).map((point) => [point[0], point]));
      for (const point of thinned) expectEqual('a point that stays', point, whole.get(point[0]));
      await expectCode('thinning to 3 points', 'INVALID_ARGUMENT', () => record.history('m', { maxPoints: 3 }));
    },
  ],
];
