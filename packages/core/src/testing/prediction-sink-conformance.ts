import { FairleadError } from '../errors';
import { hashKey } from '../monitoring/predictions/id-hash';
import { createPredictionLog, type PredictionLog } from '../monitoring/predictions/prediction-log';
import type { PredictionLogOptions } from '../monitoring/predictions/prediction-log-options';
import type { PredictionRecord } from '../monitoring/predictions/prediction-record';
import type { PredictionSink } from '../monitoring/predictions/prediction-sink';
import type { ConformanceCase } from './backend-conformance';
import { createVirtualClock, type VirtualClock } from './virtual-clock';

/** What the suite needs to try a sink. */
export interface PredictionSinkConformanceOptions {
  /** Makes a place for records, empty; called anew for each case. */
  readonly createPlace: () => PredictionSinkPlace | Promise<PredictionSinkPlace>;
}

/** Where sinks keep records. */
export interface PredictionSinkPlace {
  /** A sink on this place; the one before is closed by then. */
  open(): PredictionSink;
  /** Whether what was written is there for the next sink. */
  readonly durable: boolean;
  /** Everything that is stored, as text: erased keys must not be found in it. Absent where nobody can look. */
  dump?(): Promise<string>;
}

const model = { name: 'model', version: '1', digest: 'd1' };

/**
 * The conformance suite for prediction sinks of specVersion `v1`. It needs no test framework:
 *
 * ```ts
 * for (const { name, run } of predictionSinkConformance(options)) test(name, run);
 * ```
 */
export function predictionSinkConformance(options: PredictionSinkConformanceOptions): readonly ConformanceCase[] {
  const cases: [string, (bench: Bench) => Promise<void>][] = [
    ['answers what it was given, element for element, oldest first', answersWhatItWasGiven],
    ['gives way to newer records past a number of records', keepsRecordLimit],
    ['gives way to newer records past a number of bytes', keepsByteLimit],
    ['lets go of what is past its time', expires],
    ['erases by key, buffered and written records, and nothing else', erases],
    ['keeps an erased key erased: for later records, and for the next sink', staysErased],
    ['takes records of an erased key again where that is asked for', allowsAgain],
    ['answers what was there before, and goes on behind it', goesOn],
    ['makes good an erasure that was begun and not finished', finishesErasures],
    ['reads while it is written', readsWhileWritten],
    ['can be closed twice', closesTwice],
  ];
  return cases.map(([name, run]) => ({
    name,
    run: async () => run(new Bench(await options.createPlace())),
  }));
}

class Bench {
  readonly clock: VirtualClock = createVirtualClock();
  readonly place: PredictionSinkPlace;

  constructor(place: PredictionSinkPlace) {
    this.place = place;
  }

  open(options: Partial<PredictionLogOptions> = {}): Promise<PredictionLog> {
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    return createPredictionLog({ sink: this.place.open(), clock: this.clock, logger: quiet, ...options });
  }

  async dump(): Promise<string> {
    return this.place.dump === undefined ? '' : this.place.dump();
  }
}

const vector = (...values: number[]) => ({
  dtype: 'float32' as const,
  shape: [1, values.length],
  data: Float32Array.from(values),
});

async function all(log: PredictionLog): Promise<PredictionRecord[]> {
  const records: PredictionRecord[] = [];
  for await (const record of log.read()) records.push(record);
  return records;
}

const idsOf = async (log: PredictionLog): Promise<string> => (await all(log)).map(({ id }) => id).join(' ');

async function answersWhatItWasGiven(bench: Bench): Promise<void> {
  const log = await bench.open();
  const values = [1.5, Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45];
  const wide = 2n ** 60n + 1n;
  log.record({
    id: 'first',
    at: bench.clock.epochMs() - 5,
    model,
    inputs: {
      x: vector(...values),
      n: { dtype: 'int64', shape: [1], data: BigInt64Array.of(wide) },
      s: { dtype: 'string', shape: [1], data: ['a "quoted"\nline, ünïcode \u2028'] },
    },
    outputs: { y: vector(0.25) },
    decision: 'approve',
    propensity: 0.125,
    key: 'person-1',
    tags: { country: 'ch' },
  });
  log.record({ id: 'second', model, decision: false });
  const [first, second, ...others] = await all(log);
  expect(others.length === 0, 'two records are read');
  expect(first?.id === 'first' && second?.id === 'second', 'records are read in the order in which they were logged');
  expect(first?.at === bench.clock.epochMs() - 5 && second?.at === bench.clock.epochMs(), 'their times are kept');
  const read = (name: string): ArrayLike<unknown> => {
    const value = first?.inputs[name];
    return value?.form === 'full' ? value.tensor.data : [];
  };
  expect(
    values.every((value, i) => Object.is(read('x')[i], Math.fround(value))),
    'floats read back as they were',
  );
  expect(read('n')[0] === wide, 'large integers read back as they were');
  expect(String(read('s')[0]).includes('\u2028'), 'texts read back as they were');
  const { decision, propensity, key, tags } = first ?? {};
  expect(decision === 'approve' && propensity === 0.125 && second?.decision === false, 'decisions are kept');
  expect(key === 'person-1' && tags?.country === 'ch', 'key and tags are kept');
  await log.close();
}

async function keepsRecordLimit(bench: Bench): Promise<void> {
  const log = await bench.open({ maxRecords: 16 });
  for (let i = 0; i < 100; i++) {
    log.record({ id: `r${i}`, model });
    if (i % 7 === 0) await log.flush();
  }
  await log.flush();
  const ids = (await all(log)).map(({ id }) => id);
  expect(ids.length <= 16 && ids.length >= 12, `12 to 16 of 16 records are kept, not ${ids.length}`);
  expect(
    ids.every((id, i) => id === `r${100 - ids.length + i}`),
    'they are the latest, in order',
  );
  const { records, dropped } = log.stats().sink;
  expect(records === ids.length && records + dropped === 100, 'what gave way is counted');
  await log.close();
}

async function keepsByteLimit(bench: Bench): Promise<void> {
  const log = await bench.open({ maxBytes: 16_384, maxRecordBytes: 2048 });
  for (let i = 0; i < 100; i++)
    log.record({ id: `r${i}`, model, inputs: { x: vector(...new Array<number>(200).fill(i)) } });
  await log.flush();
  const { bytes, records, dropped } = log.stats().sink;
  expect(bytes <= 16_384 && bytes > 8192, `8192 to 16384 bytes are kept, not ${bytes}`);
  expect(
    records + dropped === 100 && (await all(log)).at(-1)?.id === 'r99',
    'the latest are kept, and the others counted',
  );
  await log.close();
}

async function expires(bench: Bench): Promise<void> {
  const log = await bench.open({ ttlMs: 1000 });
  log.record({ id: 'old', model });
  await log.flush();
  await bench.clock.advance(600);
  log.record({ id: 'young', model });
  await log.flush();
  await bench.clock.advance(600);
  expect((await idsOf(log)) === 'young', 'what is past its time is not read');
  await bench.clock.advance(5000);
  expect((await idsOf(log)) === '', 'nothing is read when all is past its time');
  // The sink takes them out by itself, and at the latest when the next file is begun.
  log.record({ id: 'new', model });
  await log.flush();
  await bench.clock.advance(100);
  await log.flush();
  const { records, expired } = log.stats().sink;
  expect(records === 1 && expired === 2, `what is past its time is taken out: ${expired} of 2, ${records} left of 1`);
  await log.close();
}

async function erases(bench: Bench): Promise<void> {
  const log = await bench.open();
  for (let i = 0; i < 20; i++) {
    log.record({ id: `r${i}`, model, key: i % 2 === 0 ? 'erased-person' : 'kept-person', inputs: { x: vector(i) } });
    if (i === 13) await log.flush();
  }
  const removed = await log.erase({ key: 'erased-person' });
  expect(removed === 10, `10 records are erased, not ${removed}`);
  const records = await all(log);
  expect(records.length === 10 && records.every(({ key }) => key === 'kept-person'), 'the others are still there');
  await log.flush();
  const text = await bench.dump();
  expect(!text.includes('erased-person'), 'nothing of the key is left in the place');
  expect(log.stats().sink.records === 10 && log.stats().erasedRecords === 10, 'what was erased is counted');
  expect((await log.erase({ key: 'nobody' })) === 0, 'erasing a key without records erases none');
  await log.close();
}

async function staysErased(bench: Bench): Promise<void> {
  const log = await bench.open({ maxRecords: 80 });
  log.record({ id: 'a', model, key: 'person-1' });
  log.record({ id: 'b', model, key: 'person-2' });
  await log.erase({ key: 'person-1' });
  expect(log.record({ id: 'c', model, key: 'person-1' }) === 'erased', 'a later record of the key is refused');
  expect(log.stats().outcomes.erased === 1, 'that is counted');
  await log.close();
  if (!bench.place.durable) return;
  const next = await bench.open({ maxRecords: 80 });
  expect((await idsOf(next)) === 'b', 'the next sink has nothing of the key');
  expect(next.record({ id: 'd', model, key: 'person-1' }) === 'erased', 'and takes nothing of it');
  // Files are begun anew and given up; the key stays erased.
  for (let i = 0; i < 200; i++) {
    next.record({ id: `r${i}`, model, key: i % 2 === 0 ? 'person-1' : 'person-3' });
    await next.flush();
  }
  expect(
    (await all(next)).every(({ key }) => key !== 'person-1'),
    'nor when files rolled',
  );
  await next.close();
}

async function allowsAgain(bench: Bench): Promise<void> {
  const log = await bench.open();
  log.record({ id: 'a', model, key: 'person' });
  await log.erase({ key: 'person', future: 'allow' });
  await bench.clock.advance(1);
  expect(log.record({ id: 'b', model, key: 'person' }) === 'logged', 'a later record of the key is logged');
  expect((await idsOf(log)) === 'b', 'and read, while the earlier one is gone');
  await log.close();
}

async function goesOn(bench: Bench): Promise<void> {
  if (!bench.place.durable) return;
  for (let run = 0; run < 3; run++) {
    const log = await bench.open();
    log.record({ id: `r${run}`, model });
    await log.close();
  }
  const log = await bench.open();
  expect((await idsOf(log)) === 'r0 r1 r2', 'records of earlier sinks are read, in order');
  expect(log.stats().sink.records === 3, 'and counted');
  await log.close();
}

async function finishesErasures(bench: Bench): Promise<void> {
  if (!bench.place.durable) return;
  const context = { limits: { maxRecords: 100, maxBytes: 1e6, ttlMs: 1e9 }, clock: bench.clock, logger: console };
  const log = await bench.open();
  log.record({ id: 'a', model, key: 'person-1' });
  log.record({ id: 'b', model, key: 'person-2' });
  await log.erase({ key: 'person-9' });
  await log.close();
  // Saved and not carried out, as by a process that died in between.
  const again = bench.place.open();
  const saved = await again.open(context);
  expect(saved.length === 1 && saved[0]?.done === true, 'the erasure is remembered as done');
  await again.saveErasure({ keyHash: hashKey('person-1'), at: bench.clock.epochMs(), future: 'refuse', done: false });
  await again.close();
  const next = await bench.open();
  expect((await idsOf(next)) === 'b' && next.stats().erasedRecords === 1, 'the next log carries it out');
  expect(!(await bench.dump()).includes('person-1'), 'and leaves nothing of the key');
  await next.close();
}

async function readsWhileWritten(bench: Bench): Promise<void> {
  const log = await bench.open();
  for (let i = 0; i < 10; i++) log.record({ id: `r${i}`, model, key: i < 5 ? 'one' : 'two' });
  const reading = log.read()[Symbol.asyncIterator]();
  const first = await reading.next();
  expect(first.done !== true && first.value.id === 'r0', 'reading begins with the oldest');
  log.record({ id: 'later', model });
  await log.erase({ key: 'two' });
  const rest: string[] = [];
  for (let step = await reading.next(); step.done !== true; step = await reading.next()) rest.push(step.value.id);
  expect(
    rest.join(' ') === 'r1 r2 r3 r4',
    `what was erased meanwhile is not read, nor what came later: ${rest.join(' ')}`,
  );
  await log.close();
}

async function closesTwice(bench: Bench): Promise<void> {
  const log = await bench.open();
  log.record({ id: 'a', model });
  await Promise.all([log.close(), log.close()]);
  try {
    log.record({ id: 'b', model });
  } catch (error) {
    expect(FairleadError.isInstance(error, 'CLOSED'), 'work after a close fails with code CLOSED');
    return;
  }
  expect(false, 'work after a close fails');
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Expected that ${what}.`);
}
