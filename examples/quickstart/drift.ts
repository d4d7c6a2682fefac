import type { ModelRunner } from '@fairlead/core';
import type { Registry } from '@fairlead/core/metrics';
import {
  createDriftMonitor,
  type DriftMonitor,
  type DriftStartEvent,
  instrumentMonitor,
} from '@fairlead/core/monitoring';
import { type Digits, pixelCount, shift } from './digits';
import { drive, throughRunner } from './load';
import { alert, count, faint, good, heading, line, percent, progressBar, strong } from './terminal';

/** Rows that are compared with the training rows: few, so that a shift shows soon. */
const windowRows = 200;
/** The one number that sets the alarm: rows between two false ones. */
const meanTimeBetweenFalseAlarms = 1_000_000;
const callers = 16;
const side = Math.sqrt(pixelCount);

/** Step 4: the pictures grow paler and noisier, and the monitor says so. */
export async function watchForDrift(runner: ModelRunner, metrics: Registry, test: Digits): Promise<DriftMonitor> {
  heading(4, 'Drift');
  let alarm: DriftStartEvent | undefined;
  const monitor = createDriftMonitor({
    windowRows,
    meanTimeBetweenFalseAlarms,
    // A demonstration of a second has no time to sample: by default the monitor keeps to 5 % of the time.
    maxCpuShare: 1,
    on: {
      'drift-start': (event) => {
        alarm ??= event;
      },
    },
  });
  // The reference is read from a file beside the model; a run this short might be over before it is there.
  const hasReference = new Promise<void>((resolve) => void monitor.events.once('reference-change', () => resolve()));
  monitor.attach(runner);
  await hasReference;
  instrumentMonitor(metrics, monitor);
  const ask = throughRunner(runner);

  const before = await drive(ask, test, { callers, passes: 1 });
  const seenBefore = monitor.snapshot().rowsSeen;
  line('as trained', `${count(before.requests)} rows, accuracy ${percent(before.accuracy)}: ${good(monitor.state)}`);

  const shifted: Digits = { rows: shift(test.rows), labels: test.labels };
  const bar = progressBar('paler, noisier');
  const after = await drive(ask, shifted, { callers, passes: 2, onProgress: (share) => bar.update(share) });
  bar.end();
  line(
    'paler, noisier',
    `${count(after.requests)} rows, accuracy ${strong(percent(after.accuracy))}: ${alert(monitor.state)}`,
  );
  if (alarm === undefined) {
    line('alarm', alert('none, although the pictures changed: this is a defect'));
    return monitor;
  }
  const { report } = alarm;
  const rows = report.rowsSeen - seenBefore;
  line(
    'alarm',
    `${alert(`after ${count(rows)} rows`)}  ${faint(`false ones come once in ${count(meanTimeBetweenFalseAlarms)} rows on average`)}`,
  );
  const moved = monitor.report().topMovers.slice(0, 3);
  line('moved most', moved.map(({ name, psi }) => `${where(name)} ${faint(`PSI ${psi.toFixed(1)}`)}`).join('   '));
  return monitor;
}

/** `p13` as a person finds it: row 2, column 6. */
function where(feature: string): string {
  const pixel = Number(feature.slice(1));
  return `pixel ${Math.floor(pixel / side) + 1},${(pixel % side) + 1}`;
}
