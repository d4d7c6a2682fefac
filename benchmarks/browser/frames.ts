import type { Result, SuiteContext } from '../lib/suite';
import { summarizeGaps } from './gaps';
import type { OpenedBrowser, Tab } from './open-browser';
import type { ContestantName } from './page/contestants';
import type { FrameLoad, Frames } from './page/measurer';
import { makeSizedModel } from './sized-model';

/** What the page does while its frames are counted. */
interface Activity {
  readonly label: string;
  readonly contestant: ContestantName;
  /** More than one caller, so that the next batch lies ready when one ends: the worker never pauses. */
  readonly callers: number;
  readonly withTurns?: boolean;
  /** Milliseconds of a round. Where few frames can come, more rounds would tell nothing new. */
  readonly durationMs: number;
  readonly goal?: string;
}

const idleMs = 3000;
/** Measured rounds for each of the suite's, since every one is a slice of a few hundred frames. */
const slices = 3;

const activities: readonly Activity[] = [
  { label: 'runner in a worker', contestant: 'runner in a worker', callers: 3, durationMs: 3000, goal: '<= 1.2' },
  { label: 'a worker written by hand', contestant: 'bare worker', callers: 2, durationMs: 3000 },
  { label: "onnxruntime-web's own proxy", contestant: 'onnxruntime-web proxy', callers: 2, durationMs: 3000 },
  {
    label: 'runner inline, a turn after each run',
    contestant: 'runner inline',
    callers: 1,
    withTurns: true,
    durationMs: 1500,
  },
  {
    label: 'runner inline, asked again at once for half a second',
    contestant: 'runner inline',
    callers: 1,
    durationMs: 500,
  },
];

/**
 * The gaps between a page's animation frames while a model of about 20 ms runs without a pause. Slices of each activity and
 * of the idle page are measured in turn, so that all see the same machine, and the frames of all slices are taken together.
 */
export async function measureFrames({ rounds, note }: SuiteContext, browser: OpenedBrowser): Promise<Result[]> {
  const tab = await browser.openTab();
  try {
    const model = await makeSizedModel(tab, browser.site, { targetMs: 20, rows: 1 });
    note(`frames: ${model.name}, ${model.ms.toFixed(1)} ms a run`);
    const idle: number[] = [];
    const busy = activities.map((): Recorded => ({ gaps: [], answers: 0, durationMs: 0 }));
    const handles: number[] = [];
    for (const { contestant } of activities)
      handles.push(await tab.call('open', contestant, model, { maxBatchRows: 1 }));
    for (let slice = -1; slice < rounds * slices; slice++) {
      if (slice % slices === 0) note(`frames, slice ${slice + 1} of ${rounds * slices}`);
      const idleFrames = await tab.call('idleFrames', idleMs);
      if (slice >= 0) idle.push(...idleFrames.gaps);
      for (const [index, { callers, durationMs, withTurns = false }] of activities.entries()) {
        const load: FrameLoad = { callers, rows: 1, durationMs, withTurns };
        const frames: Frames = await tab.call('framesUnder', handles[index] as number, load);
        const sum = busy[index];
        if (slice < 0 || sum === undefined) continue;
        sum.gaps.push(...frames.gaps);
        sum.answers += frames.answers;
        sum.durationMs += durationMs;
      }
    }
    await closeAll(tab, handles);
    return resultsOf(idle, busy, model.ms);
  } finally {
    await tab.close();
  }
}

async function closeAll(tab: Tab, handles: readonly number[]): Promise<void> {
  for (const handle of handles) await tab.call('close', handle);
}

/** What was recorded under an activity. */
interface Recorded {
  gaps: number[];
  answers: number;
  durationMs: number;
}

function resultsOf(idleGaps: readonly number[], recorded: readonly Recorded[], runMs: number): Result[] {
  const idle = summarizeGaps(idleGaps);
  const results: Result[] = [
    { name: 'frames: time of a run of the model, in a worker written by hand', value: runMs, unit: 'ms' },
    { name: 'frames of the idle page: p99 gap', value: idle.p99, unit: 'ms' },
    { name: 'frames of the idle page: longest gap', value: idle.longest, unit: 'ms' },
    { name: 'frames of the idle page: recorded', value: idle.count, unit: 'frames' },
  ];
  const p99Of = new Map<ContestantName, number>();
  for (const [index, { label, contestant, goal }] of activities.entries()) {
    const { gaps, answers, durationMs } = recorded[index] as Recorded;
    const { p99, longest, count } = summarizeGaps(gaps);
    p99Of.set(contestant, p99);
    results.push(
      {
        name: `frames, ${label}: p99 gap, of that of the idle page`,
        value: p99 / idle.p99,
        unit: 'ratio',
        ...(goal !== undefined && { goal }),
      },
      { name: `frames, ${label}: p99 gap`, value: p99, unit: 'ms' },
      { name: `frames, ${label}: longest gap`, value: longest, unit: 'ms' },
      { name: `frames, ${label}: recorded`, value: count, unit: 'frames' },
      { name: `frames, ${label}: runs meanwhile`, value: (answers / durationMs) * 1000, unit: 'runs/s' },
    );
  }
  results.push({
    name: 'frames: p99 gap with the runner in a worker, of that with a worker written by hand',
    value: (p99Of.get('runner in a worker') as number) / (p99Of.get('bare worker') as number),
    unit: 'ratio',
  });
  return results;
}
