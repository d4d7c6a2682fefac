import type { LanesOption, LocalRunner } from '@fairlead/core';
import { createRegistry, instrumentRunner } from '@fairlead/core/metrics';
import { createDriftMonitor, fitReference, type Reference } from '@fairlead/core/monitoring';
import { type Contestant, compare, compareWithBest } from '../lib/compare';
import { drive, quantile } from '../lib/load';
import type { Result, SuiteContext } from '../lib/suite';
import {
  type BareSession,
  maxBatchRows,
  openBare,
  openRunner,
  type Request,
  rowsOf,
  type Subject,
  subjects,
  threadsOf,
} from './subject';

/** What is measured of a subject, and what it is held against. */
interface Measurement {
  readonly subject: Subject;
  readonly lanes: LanesOption;
  /** Threads of a session. @default what the runner finds best */
  readonly threads?: number;
  /** Milliseconds of a round: enough for many batches. */
  readonly durationMs: number;
  /** Callers of one row each, and the goals beside the best raw batches and beside the same callers on bare session.run. */
  readonly loads: readonly { readonly callers: number; readonly ofRaw?: string; readonly ofBare?: string }[];
}

const measurements: readonly Measurement[] = [
  // A request takes half a microsecond, and the compiler a second until that is so. First, for code that has seen lanes of every kind is
  // compiled for all of them, which a process with one model has not.
  { subject: subjects.tiny, lanes: 'auto', threads: 1, durationMs: 800, loads: [{ callers: 64, ofBare: '>= 15' }] },
  {
    subject: subjects.medium,
    lanes: 'auto',
    threads: 1,
    durationMs: 300,
    loads: [
      { callers: 64, ofRaw: '>= 0.8', ofBare: '>= 5' },
      { callers: 128, ofRaw: '>= 0.9' },
    ],
  },
  { subject: subjects.large, lanes: 'auto', durationMs: 800, loads: [{ callers: 128, ofRaw: '>= 1.4' }] },
  { subject: subjects.cnn, lanes: 'auto', threads: 1, durationMs: 800, loads: [{ callers: 64, ofRaw: '>= 0.95' }] },
];

/** Where a goal lies within what rounds differ by, so many times as many are run: beside bare sessions, and for what watching costs. */
const moreRounds = 3;

/** Rows a second of the runner, beside one raw session at its best fixed batch and beside the same callers without it. */
export async function measureThroughput(context: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const measurement of measurements) results.push(...(await measure(measurement, context)));
  return results;
}

async function measure(measurement: Measurement, { rounds, note }: SuiteContext): Promise<Result[]> {
  const { subject, lanes, threads, durationMs, loads } = measurement;
  const { name } = subject;
  const row = rowsOf(subject);
  const sample = Array.from({ length: 256 }, (_, index) => row(index));
  const reference = await fitReference(sample, { inputs: ['x'], maxRows: sample.length });
  const runner = await openRunner(subject, { lanes, ...(threads !== undefined && { threads }) });
  // Held against the goal is one session of one thread, whatever lanes and threads were found best; beside it stands one that
  // has as many threads as all of the runner's together.
  const threadsInUse = threadsOf(runner, threads);
  const bare = await openBare(subject, row, 1);
  const bareWithAll = threadsInUse > 1 ? await openBare(subject, row, threadsInUse) : undefined;
  const { lanes: opened } = runner.describe();
  note(
    `${name}: ${opened.slots.map((slot) => slot.name).join(', ')} (${opened.reason}), ${threadsInUse} thread(s) in all`,
  );
  const through: Request = (index) => runner.run({ x: row(index) });
  const rate =
    (callers: number, request: Request): Contestant =>
    async () =>
      (await drive({ callers, durationMs, request })).perSecond;
  const rawOf =
    (session: BareSession) =>
    (size: number): Contestant => {
      const request = session.batchesOf(size);
      return async () => size * (await drive({ callers: 1, durationMs, request })).perSecond;
    };
  const raw = rawOf(bare);

  const results: Result[] = [];
  try {
    if (subject === subjects.cnn) results.push(await loneBatchTime(subject, row));
    const sizes = loads.some(({ ofRaw }) => ofRaw !== undefined) ? await bestSizes(raw) : [];
    for (const { callers, ofRaw, ofBare } of loads) {
      const label = `${name}, ${callers} callers`;
      note(label);
      if (ofRaw !== undefined) {
        const beside = await compareWithBest(rate(callers, through), sizes.map(raw), { rounds });
        results.push(
          {
            name: `${label}: of the raw best of one session of one thread`,
            value: beside.ratio,
            unit: 'ratio',
            goal: ofRaw,
          },
          { name: `${label}: rows of the runner`, value: beside.a, unit: 'rows/s' },
          { name: `${label}: rows of the raw best`, value: beside.best, unit: 'rows/s' },
          { name: `${label}: batch of the raw best`, value: sizes[beside.bestIndex] as number, unit: 'rows' },
        );
        if (bareWithAll !== undefined) {
          const rawWithAll = rawOf(bareWithAll);
          const contestants = (await bestSizes(rawWithAll)).map(rawWithAll);
          const { ratio: value } = await compareWithBest(rate(callers, through), contestants, { rounds });
          const what = `of the raw best of one session of ${threadsInUse} threads`;
          results.push({ name: `${label}: ${what}`, value, unit: 'ratio' });
        }
      }
      if (ofBare !== undefined) {
        const { ratio } = await compare(rate(callers, through), rate(callers, bare.one), {
          rounds: rounds * moreRounds,
        });
        results.push({ name: `${label}: of the same on bare session.run`, value: ratio, unit: 'ratio', goal: ofBare });
      }
      const { ratio } = await compare(watched(runner, reference, rate(callers, through)), rate(callers, through), {
        rounds: rounds * moreRounds,
      });
      const what = `${label}: with monitor, metrics and events, of itself without`;
      results.push({ name: what, value: ratio, unit: 'ratio', goal: '>= 0.9' });
    }
  } finally {
    await Promise.all([runner.close(), bare.close(), bareWithAll?.close()]);
  }
  return results;
}

/** The two best of the fixed batch sizes 1, 2, 4 … `maxBatchRows`, by one look at each. */
async function bestSizes(raw: (size: number) => Contestant): Promise<number[]> {
  const looks: { readonly size: number; readonly perSecond: number }[] = [];
  for (let size = 1; size <= maxBatchRows; size *= 2) looks.push({ size, perSecond: await raw(size)() });
  return looks
    .sort((a, b) => b.perSecond - a.perSecond)
    .slice(0, 2)
    .map(({ size }) => size);
}

/** The median time of a batch of one on one thread: says what kind of model it is on this machine. */
async function loneBatchTime(subject: Subject, row: (index: number) => Float32Array): Promise<Result> {
  const bare = await openBare(subject, row, 1);
  const { latencies } = await drive({ callers: 1, durationMs: 500, request: bare.one }, { latencies: true });
  await bare.close();
  const name = `${subject.name}: a batch of one, on one thread`;
  return { name, value: quantile(latencies, 0.5), unit: 'ms', goal: '<= 5' };
}

/**
 * The same contestant while a drift monitor, metrics and listeners watch the runner, at their defaults. It is the same
 * runner with and without: two would differ by their lanes. It runs once before it counts: that a monitor lays its windows out, some ten
 * milliseconds for 784 features, happens once for a model.
 */
function watched(runner: LocalRunner, reference: Reference, contestant: Contestant): Contestant {
  return async () => {
    const monitor = createDriftMonitor({ reference });
    monitor.attach(runner);
    const instruments = instrumentRunner(createRegistry(), runner);
    let answered = 0;
    const listeners = [
      runner.events.on('batch-end', (event) => {
        answered += event.answered ?? event.requests;
      }),
      runner.events.on('request-fail', () => {}),
      runner.events.on('batch-fail', () => {}),
    ];
    await contestant();
    const figure = await contestant();
    const { rowsObserved } = monitor.snapshot();
    if (rowsObserved === 0 || answered === 0) {
      throw new Error('Nobody watched the runner: there is nothing to compare.');
    }
    for (const remove of listeners) remove();
    await Promise.all([monitor.close(), instruments.close()]);
    return figure;
  };
}
