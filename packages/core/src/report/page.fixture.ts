import { createDriftMonitor } from '../monitoring/drift-monitor';
import { fitReference } from '../monitoring/fit-reference';
import type { DriftMonitor } from '../monitoring/monitor';
import { createQualityMonitor, type QualityMonitor } from '../monitoring/quality/quality-monitor';
import { createRandom } from '../monitoring/random';
import { createTensor } from '../tensor/tensor';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import type { PerformanceSection, ReportSections } from './sections';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Names that would break a page that trusts them. */
export const hostileNames = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "' onload='alert(3)",
  '</style></title></svg><b>',
  '&amp;\u0000\u202e\ud800 `x`',
  `long ${'ä'.repeat(10_000)} end`,
  '__proto__',
];

/** A monitor that saw rows like the reference, then others. */
export async function observedMonitor(
  names: readonly string[],
  rows: number,
  clock: VirtualClock = createVirtualClock(),
): Promise<DriftMonitor> {
  const random = createRandom(11);
  const batch = (count: number, shift: number) =>
    createTensor(
      'float32',
      [count, names.length],
      Float32Array.from({ length: count * names.length }, (_, i) => random() + (i % names.length < 3 ? shift : 0)),
    );
  const reference = await fitReference({ x: batch(500, 0) }, { featureNames: names });
  const monitor = createDriftMonitor({
    reference,
    windowRows: 200,
    meanTimeBetweenFalseAlarms: 10_000,
    maxCpuShare: 1,
    clock,
    logger: silent,
  });
  for (let sent = 0; sent < rows; sent += 50) {
    await clock.advance(3_600_000);
    monitor.observe({ x: batch(50, sent * 2 < rows ? 0 : 0.6) });
  }
  return monitor;
}

/** A quality monitor with a rule that failed, whose example is hostile. */
export function failedQuality(clock: VirtualClock = createVirtualClock()): QualityMonitor {
  const monitor = createQualityMonitor({
    rules: [
      { rule: 'category', field: 'country', values: ['NO', 'DE'] },
      { rule: 'range', field: 'age', minimum: 0, maximum: 120 },
    ],
    windowRows: 100,
    clock,
    logger: silent,
  });
  for (let i = 0; i < 300; i++) monitor.observeRecord({ country: i % 3 === 0 ? '<i>Atlantis</i>' : 'NO', age: 40 });
  return monitor;
}

/** Metrics and a series. */
export const performance: PerformanceSection = {
  summary: 'Labels of <14 days>.',
  metrics: [
    { name: 'accuracy', value: 0.9132, lower: 0.905, upper: 0.921, reference: 0.9341, rows: 18_213 },
    { name: 'accuracy', slice: 'country = "DE"', value: null },
    { name: 'AUC', value: 0.95, estimated: true },
  ],
  series: [
    {
      name: 'accuracy <b>',
      reference: 0.93,
      points: Array.from({ length: 30 }, (_, i) => {
        const value = i === 7 ? null : 0.9 + i / 1000;
        return {
          epochMs: 1.7e12 + i * 3_600_000,
          value,
          ...(value === null ? {} : { lower: value - 0.01, upper: value + 0.01 }),
        };
      }),
    },
  ],
  facts: [
    { name: 'Labelled', value: '92 %' },
    { name: 'Unmatched', value: 312 },
  ],
};

/** Every section, drifted, failed and hostile. */
export async function everySection(): Promise<ReportSections> {
  const clock = createVirtualClock();
  const names = [...hostileNames, ...Array.from({ length: 13 }, (_, i) => `feature_${i}`)];
  const monitor = await observedMonitor(names, 1000, clock);
  const quality = failedQuality(clock);
  const sections: ReportSections = {
    drift: monitor.report({ format: 'full' }),
    quality: quality.report(),
    performance,
    alerts: [
      { atMs: 1.7e12, level: 'warning', source: 'quality', text: 'A <b>bold</b> alert.' },
      { atMs: 1.7e12 + 9e6, endedAtMs: 1.7e12 + 9e7, level: 'drift', source: 'drift', text: 'The later one.' },
    ],
  };
  await monitor.close();
  await quality.close();
  return sections;
}
