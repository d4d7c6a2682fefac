import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createMemorySink } from '../predictions/memory-sink';
import { createPredictionLog } from '../predictions/prediction-log';
import { createRandom } from '../random';
import { createPerformanceMonitor } from './create-performance-monitor';
import { fitPerformanceReference, type LabelledPrediction } from './fit-performance-reference';
import type { PerformanceMonitorOptions } from './performance-options';

const model = (version: string) => ({ name: 'm', version, digest: `d${version}` });

function setUp(options: Partial<PerformanceMonitorOptions> = {}) {
  const clock = createVirtualClock();
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, message: string) => void warnings.push(message),
  };
  const monitor = createPerformanceMonitor({ task: 'binary', windowRows: 100, clock, logger, ...options });
  return { clock, warnings, monitor };
}

/** Rows whose score is the chance of being positive, shifted by some; a share of the labels is turned round. */
function draw(random: () => number, rows: number, turned = 0): { score: number; label: number; country: string }[] {
  return Array.from({ length: rows }, () => {
    const score = random();
    const positive = random() < score;
    return { score, label: Number(random() < turned ? !positive : positive), country: random() < 0.3 ? 'ch' : 'fr' };
  });
}

describe('metrics', () => {
  it('are measured on the rows that have a label, whatever order predictions and labels come in', () => {
    const { monitor } = setUp();
    monitor.predict('a', { score: 0.9 });
    monitor.label('b', true);
    monitor.predict('b', { score: 0.2 });
    monitor.predict('c', { score: 0.1 });
    expect(monitor.label('a', 1)).toBe('matched');
    expect(monitor.label('c', false)).toBe('matched');
    const { metrics, rows, confusion, perClass, matchRatio, labels } = monitor.snapshot();
    expect(rows).toBe(3);
    expect(metrics.accuracy).toMatchObject({ value: 2 / 3, rows: 3 });
    expect(metrics.recall?.value).toBe(0.5);
    expect(confusion).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(perClass.map(({ label, support }) => [label, support])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(matchRatio).toBe(1);
    expect(labels).toMatchObject({ matched: 3, early: 1 });
    expect(JSON.parse(JSON.stringify(monitor.snapshot().metrics))).toEqual(monitor.snapshot().metrics);
  });

  it('forget what left the window, and take a changed label while its row is in it', () => {
    const { monitor } = setUp({ windowRows: 50 });
    for (let i = 0; i < 60; i++) {
      monitor.predict(`r${i}`, { score: 0.9 });
      monitor.label(`r${i}`, 1);
    }
    expect(monitor.snapshot().metrics.accuracy).toMatchObject({ value: 1, rows: 50 });
    expect(monitor.label('r30', 0)).toBe('changed');
    expect(monitor.label('r30', 0)).toBe('duplicate');
    expect(monitor.label('r3', 0)).toBe('changed');
    const { metrics, labels } = monitor.snapshot();
    expect(metrics.accuracy?.value).toBe(0.98);
    expect(labels).toMatchObject({ changed: 2, changedTooLate: 1, duplicate: 1 });
  });

  it('are measured by slice, whose parts are bounded', () => {
    const { monitor } = setUp({
      maxParts: 9,
      slices: {
        country: 'country',
        sure: ({ score = 0 }) => (score === 0.5 ? undefined : Math.abs(score - 0.5) > 0.3 ? 'yes' : 'no'),
        broken: () => {
          throw new Error('no');
        },
      },
    });
    for (const [i, { score, label, country }] of draw(createRandom(1), 90).entries()) {
      monitor.predict(`r${i}`, { score, tags: { country: i % 10 === 0 ? `rare-${i}` : country } });
      monitor.label(`r${i}`, label);
    }
    const { parts, predictions, metrics } = monitor.snapshot();
    expect(parts.length).toBeLessThanOrEqual(9);
    expect(parts.map(({ slice, part }) => `${slice}=${part}`)).toContain('country=(other)');
    const rowsOf = (slice: string) =>
      parts.filter((part) => part.slice === slice).reduce((sum, { rows }) => sum + rows, 0);
    expect(rowsOf('country')).toBe(90);
    expect(rowsOf('sure')).toBe(90);
    expect(predictions.foldedParts).toBeGreaterThan(0);
    expect(predictions.sliceFailures).toBe(90);
    const sure = parts.find(({ part }) => part === 'yes');
    expect(sure?.metrics.accuracy?.value).toBeGreaterThan(metrics.accuracy?.value as number);
  });

  it('are those of many classes, and of regressions', () => {
    const { monitor } = setUp({ task: 'multiclass', classes: ['cat', 'dog', 'owl'] });
    monitor.predict('a', { probabilities: [0.7, 0.2, 0.1] });
    monitor.predict('b', { probabilities: Float32Array.of(0.1, 0.2, 0.7), predicted: 'dog' });
    monitor.label('a', 'cat');
    monitor.label('b', 'owl');
    expect(monitor.snapshot()).toMatchObject({
      confusion: [
        [1, 0, 0],
        [0, 0, 0],
        [0, 1, 0],
      ],
      metrics: { accuracy: { value: 0.5 } },
    });
    const values = setUp({ task: 'regression' }).monitor;
    values.predict('a', { value: 3 });
    values.label('a', 5);
    expect(values.snapshot()).toMatchObject({
      metrics: { mae: { value: 2 }, rmse: { value: 2 }, mape: { value: 0.4 } },
      perClass: [],
    });
  });
});

describe('label lag and time', () => {
  it('are shown, and what is too old is let go', async () => {
    const { monitor, clock } = setUp({ predictionTtlMs: 100_000, earlyLabelTtlMs: 1000 });
    monitor.predict('a', { score: 0.4 });
    monitor.predict('b', { score: 0.4 });
    monitor.label('z', 1);
    await clock.advance(5000);
    monitor.label('a', 0);
    monitor.predict('c', { score: 0.4, at: clock.epochMs() - 3_600_000 });
    monitor.label('c', 0, { at: clock.epochMs() });
    await clock.advance(100_001);
    const { labelLag, predictions, labels, matchRatio } = monitor.snapshot();
    expect(labelLag).toMatchObject({ count: 2, mostSeconds: 3600, meanSeconds: (3600 + 5) / 2 });
    expect(labelLag.buckets.filter(({ count }) => count > 0).map(({ upToSeconds }) => upToSeconds)).toEqual([10, 3600]);
    expect(predictions).toMatchObject({ seen: 3, expired: 1, waiting: 0 });
    expect(labels).toMatchObject({ unknown: 1, waiting: 0 });
    expect(matchRatio).toBe(2 / 3);
  });
});

describe('alerts', () => {
  const feed = (monitor: ReturnType<typeof setUp>['monitor'], rows: ReturnType<typeof draw>, prefix: string) => {
    for (const [i, { score, label, country }] of rows.entries()) {
      monitor.predict(`${prefix}${i}`, { score, tags: { country } });
      monitor.label(`${prefix}${i}`, label);
    }
  };

  it('come when performance falls beneath a level, and end when it is back', () => {
    const told: string[] = [];
    const { monitor } = setUp({
      windowRows: 400,
      alerts: [
        { metric: 'accuracy', level: 0.7 },
        { metric: 'logLoss', level: 0.7 },
      ],
      meanTimeBetweenFalseAlarms: 100_000,
      on: {
        'alert-start': ({ episode, alert }) => void told.push(`start ${episode.metric} ${alert.state} ${alert.bound}`),
        'alert-end': ({ episode }) => void told.push(`end ${episode.metric}`),
      },
    });
    const random = createRandom(2);
    feed(monitor, draw(random, 2000), 'good');
    expect(told).toEqual([]);
    feed(monitor, draw(random, 600, 0.4), 'bad');
    expect(told).toContain('start accuracy alert 0.7');
    expect(monitor.snapshot().alerts.find(({ metric }) => metric === 'accuracy')).toMatchObject({
      state: 'alert',
      episode: { metric: 'accuracy' },
    });
    feed(monitor, draw(random, 2000), 'good again');
    expect(told).toContain('end accuracy');
    expect(monitor.snapshot().alertsStarted).toBe(told.filter((line) => line.startsWith('start')).length);
  });

  it('come by margin beneath the reference, for the part that it concerns', async () => {
    const random = createRandom(3);
    const slices = { country: 'country' };
    const rows: LabelledPrediction[] = draw(random, 4000).map(({ score, label, country }) => ({
      score,
      label,
      tags: { country },
    }));
    const reference = await fitPerformanceReference(rows, { task: 'binary', slices });
    const { monitor } = setUp({
      windowRows: 1000,
      slices,
      reference,
      alerts: [
        { metric: 'f1', margin: 0.05 },
        { metric: 'auc', margin: 0.05 },
      ],
    });
    feed(monitor, draw(random, 3000), 'good');
    expect(monitor.snapshot().alerts.map(({ state }) => state)).toEqual(new Array(6).fill('ok'));
    const bad = draw(random, 2000).map((row) => (row.country === 'ch' ? { ...row, label: 1 - row.label } : row));
    feed(monitor, bad, 'bad');
    const raised = monitor.snapshot().alerts.filter(({ state }) => state === 'alert');
    expect(raised.map(({ metric, part }) => `${metric} ${part?.part ?? 'all'}`)).toContain('f1 ch');
    expect(raised.every(({ part }) => part?.part !== 'fr')).toBe(true);
  });

  it('are not tested where rows, a reference or the metric itself are missing, and say so', () => {
    const { monitor } = setUp({
      alerts: [
        { metric: 'accuracy', level: 0.5 },
        { metric: 'auc', margin: 0.1 },
        { metric: 'precision', level: 0.5 },
      ],
      minAlertRows: 50,
      windowRows: 100,
    });
    for (let i = 0; i < 10; i++) {
      monitor.predict(`r${i}`, { score: 0.1 });
      monitor.label(`r${i}`, 0);
    }
    expect(monitor.snapshot().alerts.map(({ state }) => state)).toEqual(['too-few', 'no-reference', 'too-few']);
    for (let i = 10; i < 60; i++) {
      monitor.predict(`r${i}`, { score: 0.1 });
      monitor.label(`r${i}`, 0);
    }
    expect(monitor.snapshot().alerts.map(({ state }) => state)).toEqual(['ok', 'no-reference', 'undefined-metric']);
  });

  it('are false no more often than was asked, over all rules together, at the very bound', () => {
    // The hardest case: performance lies exactly at the level of every rule. 100 streams of as many rows as were asked for.
    const asked = 2000;
    const streams = 100;
    let alarmed = 0;
    const random = createRandom(4);
    for (let stream = 0; stream < streams; stream++) {
      const { monitor } = setUp({
        windowRows: 200,
        meanTimeBetweenFalseAlarms: asked,
        alerts: [
          { metric: 'accuracy', level: 0.75 },
          { metric: 'auc', level: 5 / 6 },
          { metric: 'f1', level: 0.75 },
        ],
      });
      feed(monitor, draw(random, asked), 'r');
      if (monitor.snapshot().alertsStarted > 0) alarmed++;
      void monitor.close();
    }
    // With a mean of 2000 rows between alarms and no memory, 63 % of streams would alarm; the union bound promises that at most half do.
    expect(alarmed / streams).toBeLessThan(0.5);
    expect(alarmed).toBeGreaterThan(0);
  });
});

describe('estimates without labels', () => {
  it('follow from calibrated probabilities, and see that rows are harder', async () => {
    const random = createRandom(5);
    // A model that is too sure of itself: its scores are pushed outwards.
    const push = (p: number) => p ** 2 / (p ** 2 + (1 - p) ** 2);
    const row = (p: number): LabelledPrediction => ({ score: push(p), label: random() < p });
    const reference = await fitPerformanceReference(
      Array.from({ length: 8000 }, () => row(random())),
      { task: 'binary' },
    );
    const { monitor } = setUp({ reference, windowRows: 2000 });
    const rows = Array.from({ length: 2000 }, () => row(0.3 + 0.4 * random()));
    for (const [i, { label, ...prediction }] of rows.entries()) monitor.predict(`r${i}`, prediction);
    const { estimated } = monitor.snapshot();
    for (const [i, { label }] of rows.entries()) monitor.label(`r${i}`, label);
    const { metrics } = monitor.snapshot();
    expect(estimated.rows).toBe(2000);
    expect(reference.metrics.accuracy?.value).toBeGreaterThan(0.72);
    expect(estimated.metrics.accuracy?.value).toBeLessThan(0.62);
    for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const) {
      const { value } = metrics[metric] as { value: number };
      const estimate = estimated.metrics[metric] as { value: number; standardError: number };
      expect(Math.abs(estimate.value - value), metric).toBeLessThan(3 * estimate.standardError + 0.01);
    }
  });

  it('are made for many classes and for regressions too', async () => {
    const random = createRandom(6);
    const probabilities = () => {
      const raw = [random(), random(), random()];
      const sum = raw.reduce((a, b) => a + b, 0);
      return raw.map((p) => p / sum);
    };
    const pick = (p: number[]) => {
      const u = random();
      return u < (p[0] as number) ? 'a' : u < (p[0] as number) + (p[1] as number) ? 'b' : 'c';
    };
    const classes = ['a', 'b', 'c'];
    const rows = Array.from({ length: 5000 }, probabilities).map((p) => ({ probabilities: p, label: pick(p) }));
    const reference = await fitPerformanceReference(rows.slice(0, 3000), { task: 'multiclass', classes });
    const { monitor } = setUp({ task: 'multiclass', classes, reference, windowRows: 2000 });
    for (const [i, { label, ...prediction }] of rows.slice(3000).entries()) {
      monitor.predict(`r${i}`, prediction);
      monitor.label(`r${i}`, label);
    }
    const { estimated, metrics } = monitor.snapshot();
    for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const) {
      expect(Math.abs((estimated.metrics[metric]?.value as number) - (metrics[metric]?.value as number))).toBeLessThan(
        0.04,
      );
    }

    const value = () => {
      const x = random();
      return { value: x, features: [x], label: x + (random() - 0.5) * x };
    };
    const errors = await fitPerformanceReference(Array.from({ length: 3000 }, value), { task: 'regression' });
    const regression = setUp({ task: 'regression', reference: errors, windowRows: 1000 }).monitor;
    const large = Array.from({ length: 1000 }, value).filter(({ value: x }) => x > 0.6);
    for (const [i, { label, ...prediction }] of large.entries()) {
      regression.predict(`r${i}`, prediction);
      regression.label(`r${i}`, label);
    }
    regression.predict('none', { value: 1 });
    const seen = regression.snapshot();
    expect(seen.estimated.rows).toBe(large.length);
    expect(seen.predictions.withoutFeatures).toBe(1);
    for (const metric of ['mae', 'rmse'] as const) {
      expect((seen.estimated.metrics[metric]?.value as number) / (seen.metrics[metric]?.value as number)).toBeCloseTo(
        1,
        0,
      );
    }
  });
});

describe('another model', () => {
  it('begins anew; labels of predictions before it are matched and not measured', () => {
    const { monitor } = setUp();
    monitor.adopt(model('1'));
    for (let i = 0; i < 20; i++) monitor.predict(`r${i}`, { score: 0.9 });
    for (let i = 0; i < 10; i++) monitor.label(`r${i}`, 1);
    const told: unknown[] = [];
    monitor.events.on('model-change', ({ from, to, previous }) =>
      told.push([from?.version, to.version, previous.rows]),
    );
    monitor.adopt(model('2'));
    expect(told).toEqual([['1', '2', 10]]);
    for (let i = 10; i < 20; i++) monitor.label(`r${i}`, 1);
    monitor.label('r0', 0);
    const { rows, labels, model: current } = monitor.snapshot();
    expect([rows, current?.version]).toEqual([0, '2']);
    expect(labels).toMatchObject({ matched: 20, otherModel: 10, changedTooLate: 1 });
  });
});

describe('a prediction log', () => {
  it('feeds it as it is written, and once more after a restart', async () => {
    const clock = createVirtualClock();
    const log = await createPredictionLog({ sink: createMemorySink(), clock });
    const { monitor, warnings } = setUp({ clock });
    const watching = monitor.attach(log);
    const output = (...values: number[]) => ({
      y: { dtype: 'float32' as const, shape: [1, values.length], data: Float32Array.from(values) },
    });
    log.record({ id: 'a', model: model('1'), outputs: output(0.75), tags: { country: 'ch' } });
    log.record({ id: 'b', model: model('1'), outputs: output(0.75, 0.25) });
    log.record({ id: 'c', model: model('1'), outputs: output(1, 2, 3) });
    log.record({ id: 'd', model: model('1'), outputs: output(7) });
    expect(monitor.label('a', 1)).toBe('matched');
    expect(monitor.label('b', 0)).toBe('matched');
    expect(monitor.snapshot()).toMatchObject({
      rows: 2,
      metrics: { accuracy: { value: 1 } },
      predictions: { seen: 2, rejected: 2 },
    });
    expect(warnings).toHaveLength(1);
    await watching.close();
    log.record({ id: 'e', model: model('1'), outputs: output(0.5) });
    expect(monitor.snapshot().predictions.seen).toBe(2);

    const again = setUp({ clock }).monitor;
    expect(await again.replay(log.read())).toBe(3);
    expect(await again.replay(log.read(), ({ id }) => (id === 'a' ? { score: 0.1 } : undefined))).toBe(1);
    expect(again.snapshot().predictions).toMatchObject({ seen: 3, duplicate: 1, rejected: 6 });
    await expect(again.replay(log.read(), undefined, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await log.close();
  });
});

describe('bad input', () => {
  const refused = (act: () => unknown, field: string, code = 'INVALID_INPUT') =>
    expect(act).toThrow(expect.objectContaining({ code, details: expect.objectContaining({ field }) }));

  it('is refused and leaves nothing behind', () => {
    const { monitor } = setUp();
    refused(() => monitor.predict('', { score: 0.5 }), 'id');
    refused(() => monitor.predict('x'.repeat(257), { score: 0.5 }), 'id');
    refused(() => monitor.predict('a', {}), 'prediction.score');
    refused(() => monitor.predict('a', { score: 1.01 }), 'prediction.score');
    refused(() => monitor.predict('a', { score: Number.NaN }), 'prediction.score');
    refused(() => monitor.predict('a', { score: 0.5, predicted: 'yes' }), 'prediction.predicted');
    refused(() => monitor.predict('a', { score: 0.5, at: Number.NaN }), 'prediction.at');
    refused(() => monitor.predict('a', null as never), 'prediction');
    refused(() => monitor.label('a', 2), 'label');
    refused(() => monitor.label('a', Number.NaN), 'label');
    refused(() => monitor.label('a', 1, { at: Number.POSITIVE_INFINITY }), 'options.at');
    const multi = setUp({ task: 'multiclass', classes: ['a', 'b', 'c'] }).monitor;
    refused(() => multi.predict('a', { probabilities: [0.5, 0.5] }), 'prediction.probabilities');
    refused(() => multi.predict('a', { probabilities: [0.5, 0.6, 0.7] }), 'prediction.probabilities');
    refused(() => multi.predict('a', { probabilities: [1, -0.5, 0.5] }), 'prediction.probabilities[1]');
    refused(() => multi.predict('a', {}), 'prediction.probabilities');
    refused(() => multi.label('a', 'd'), 'label');
    const values = setUp({ task: 'regression' }).monitor;
    refused(() => values.predict('a', { value: Number.POSITIVE_INFINITY }), 'prediction.value');
    refused(() => values.predict('a', { score: 0.5 }), 'prediction.value');
    refused(() => values.label('a', '3'), 'label');
    expect(monitor.snapshot().predictions.seen + multi.snapshot().predictions.seen).toBe(0);
    expect(monitor.snapshot().labels.waiting).toBe(0);
  });

  it.each([
    [{ task: 'ranking' }, 'task'],
    [{ task: 'multiclass' }, 'classes'],
    [{ task: 'multiclass', classes: ['a', 'a'] }, 'classes'],
    [{ classes: ['a', 'b', 'c'] }, 'classes'],
    [{ task: 'regression', classes: ['a'] }, 'classes'],
    [{ threshold: 2 }, 'threshold'],
    [{ task: 'regression', threshold: 0.5 }, 'threshold'],
    [{ windowRows: 10 }, 'windowRows'],
    [{ maxPredictions: 0 }, 'maxPredictions'],
    [{ task: 'multiclass', classes: Array.from({ length: 1000 }, (_, i) => i) }, 'maxPredictions'],
    [{ slices: { country: 5 } }, 'slices.country'],
    [{ slices: 'country' }, 'slices'],
    [{ slices: { a: 'a', b: 'b' }, maxParts: 3 }, 'maxParts'],
    [{ confidence: 1 }, 'confidence'],
    [{ alerts: [{ metric: 'mae', level: 1 }] }, 'alerts.0.metric'],
    [{ alerts: [{ metric: 'auc' }] }, 'alerts.0'],
    [{ alerts: [{ metric: 'auc', level: 0.5, margin: 0.1 }] }, 'alerts.0'],
    [{ alerts: [{ metric: 'auc', margin: -1 }] }, 'alerts.0'],
    [{ meanTimeBetweenFalseAlarms: 500 }, 'meanTimeBetweenFalseAlarms'],
    [{ minAlertRows: 101 }, 'minAlertRows'],
    [{ speed: 3 }, 'speed'],
  ])('is refused as an option: %j', (options, field) => {
    refused(() => setUp(options as never), field, 'INVALID_OPTION');
  });

  it('is refused where a reference does not fit', async () => {
    const rows = draw(createRandom(7), 50).map(({ score, label }) => ({ score, label }));
    const reference = await fitPerformanceReference(rows, { task: 'binary' });
    refused(() => setUp({ task: 'regression', reference }), 'reference', 'INVALID_OPTION');
    const { monitor } = setUp({ classes: ['no', 'yes'] });
    refused(() => monitor.adopt(model('2'), reference), 'reference', 'INVALID_OPTION');
    expect(() => setUp({ reference: {} as never })).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });

  it('is refused after a close', async () => {
    const { monitor } = setUp();
    await monitor.close();
    await monitor.close();
    expect(() => monitor.predict('a', { score: 0.5 })).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(() => monitor.label('a', 1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
