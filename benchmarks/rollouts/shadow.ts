import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, createRunner, type LocalRunner, type ModelRunner, systemClock } from '@fairlead/core';
import { createRollout, createShadow, type RolloutRunner, type Shadow, shadow } from '@fairlead/core/rollouts';
import { onnx } from '@fairlead/node';
import { quantile } from '../lib/load';
import { mlp } from '../lib/onnx/model';
import { driveOpen } from '../lib/open-load';
import { createPausableClock } from '../lib/pausable-clock';
import { createRandom } from '../lib/random';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { modelOf } from '../runner/subject';

const width = 256;
const championSizes = [width, 1024, 1024, 10];
/**
 * The shadow is the narrowest of these that takes ten times the champion's time here. By its work alone that would be the widest, but
 * weights that pass the processor's cache cost several times as much as weights that stay in it.
 */
const shadowWidths = [4200, 3900, 3600, 3400, 3200, 3000, 2800, 2600];
const timesSlower = 10;
const perSecond = 100;
/** When requests come. */
interface Arrivals {
  readonly name: string;
  /** Milliseconds by which a request may be later than its turn, evenly: many turns of it are as good as random times. */
  readonly spreadMs: number;
}

const arrivals: readonly Arrivals[] = [
  { name: 'requests evenly spaced', spreadMs: 0 },
  { name: 'requests at random times', spreadMs: 200 },
];

/**
 * A machine becomes faster and slower by a tenth and more from one second to the next, for whatever else its host does. So the champion
 * is measured with its shadow between two turns without, each of a second, many times over, all three with the same arrivals.
 */
const turnMs = 1200;
const triplesOfTurns = 40;
/** After a turn: no more requests come, and what the shadow may begin in the lull it begins. */
const lullMs = 60;
const patienceMs = 10_000;
const seed = 20_264;
const subject = 'a shadow ten times slower, at its default budget';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A model in a worker with one thread, so that nobody computes in the thread of the callers. */
async function open(name: string, sizes: readonly number[]): Promise<LocalRunner> {
  const model = await modelOf({ name, shape: [width], bytes: () => mlp(sizes) });
  return createRunner({ model, backend: onnx({ device: 'cpu', threads: 1 }), lanes: 1 });
}

const row = (index: number): Float32Array =>
  Float32Array.from({ length: width }, (_, pixel) => Math.sin(index * 7 + pixel));

/** An open load that leaves the champion idle at times; resolves with what each caller waited, in milliseconds. */
async function turn(runner: ModelRunner, milliseconds: number, spreadMs: number, triple: number): Promise<number[]> {
  const latencies: number[] = [];
  const random = createRandom(seed + triple);
  await driveOpen({
    perSecond,
    durationMs: milliseconds,
    patienceMs,
    async request(index) {
      const inputs = { x: row(index) };
      if (spreadMs > 0) await sleep(spreadMs * random());
      const startedAt = performance.now();
      await runner.run(inputs);
      latencies.push(performance.now() - startedAt);
    },
  });
  return latencies;
}

const quantileOf = (latencies: readonly number[], share: number): number =>
  quantile(Float64Array.from(latencies).sort(), share);

const p50 = (latencies: readonly number[]): number => quantileOf(latencies, 0.5);

/** Milliseconds that one row takes a model at best: what else the machine does is no part of it. */
async function computeMs(runner: ModelRunner): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < 40; index++) {
    const { timing } = await runner.run({ x: row(index) });
    times.push(timing.computeMs);
  }
  return Math.min(...times);
}

interface Measured {
  readonly runner: LocalRunner;
  /** Milliseconds a row. */
  readonly ms: number;
  readonly width: number;
}

/** Opens the narrowest shadow that takes ten times the champion's time, or the widest where none does; the others are closed. */
async function openShadow(championMs: number): Promise<Measured> {
  let slow: Measured | undefined;
  for (const hidden of shadowWidths) {
    const runner = await open(`shadow-${hidden}`, [width, hidden, hidden, 10]);
    const ms = await computeMs(runner);
    if (slow !== undefined && ms < timesSlower * championMs) {
      await runner.close();
      break;
    }
    await slow?.runner.close();
    slow = { runner, ms, width: hidden };
  }
  if (slow === undefined) throw new Error('There is no width for the shadow.');
  return slow;
}

interface Models {
  readonly champion: LocalRunner;
  readonly slow: LocalRunner;
  /** Every rollout around them: to be closed when all is measured, since closing one closes the models. */
  readonly rollouts: RolloutRunner[];
}

/** A rollout around the models, with a shadow that is asked where it has started. */
async function around(
  { champion, slow, rollouts }: Models,
  name: string,
  autoStart: boolean,
  clock: Clock = systemClock,
): Promise<[RolloutRunner, Shadow]> {
  const mirror = createShadow({ champion, shadow: slow, clock, logger: silent });
  const rollout = await createRollout({
    name,
    champion,
    challengers: { canary: slow },
    strategy: shadow({ mirror }),
    observers: autoStart ? [mirror] : [],
    autoStart,
    logger: silent,
  });
  rollouts.push(rollout);
  return [rollout, mirror];
}

/** What callers of a champion feel of a shadow that is ten times slower, with its default budget, and how much it compares. */
export async function measureShadow(context: SuiteContext): Promise<Result[]> {
  const champion = await open('champion', championSizes);
  const batchMs = await computeMs(champion);
  const slow = await openShadow(batchMs);
  const models: Models = { champion, slow: slow.runner, rollouts: [] };
  const [plain, unused] = await around(models, 'plain', false);
  await unused.close();
  await turn(plain, context.quick ? 100 : 1000, 0, 0);
  const results: Result[] = [
    { name: `${subject}: its time by the champion's`, value: slow.ms / batchMs, unit: 'ratio' },
    { name: `${subject}: its hidden layers`, value: slow.width, unit: 'units' },
    { name: `${subject}: a batch of the champion`, value: batchMs, unit: 'ms' },
  ];
  for (const each of arrivals) results.push(...(await measureArrivals(context, each, models, plain, batchMs)));
  for (const rollout of models.rollouts) await rollout.close();
  return results;
}

/** What callers waited in turns with the same arrivals: without the shadow, with it, and once more without, so that a drift cancels out. */
interface Turns {
  readonly alone: readonly number[];
  readonly together: readonly number[];
  readonly again: readonly number[];
}

async function measureArrivals(
  { quick, note }: SuiteContext,
  { name, spreadMs }: Arrivals,
  models: Models,
  plain: RolloutRunner,
  batchMs: number,
): Promise<Result[]> {
  note(`shadow: a champion with and without a shadow ten times slower, ${name}`);
  // The shadow's time goes by while it may run, and its budget with it.
  const clock = createPausableClock();
  clock.pause();
  const [mirrored, mirror] = await around(models, `mirrored, ${name}`, true, clock);
  const ms = quick ? 300 : turnMs;
  const alone = (triple: number): Promise<number[]> => turn(plain, ms, spreadMs, triple);
  const together = async (triple: number): Promise<number[]> => {
    clock.resume();
    const found = await turn(mirrored, ms, spreadMs, triple);
    await sleep(lullMs);
    clock.pause();
    while ((models.slow.health().queue.batchesInFlight ?? 0) > 0) await sleep(1);
    return found;
  };
  const triples: Turns[] = [];
  for (let triple = 0; triple < (quick ? 2 : triplesOfTurns); triple++) {
    triples.push({ alone: await alone(triple), together: await together(triple), again: await alone(triple) });
  }
  clock.resume();
  const stats = mirror.stats();
  await mirror.close();
  const all = {
    alone: triples.flatMap(({ alone, again }) => [...alone, ...again]),
    together: triples.flatMap(({ together }) => together),
    before: triples.flatMap(({ alone }) => alone),
    after: triples.flatMap(({ again }) => again),
  };
  const label = `${subject}, ${name}`;
  return [
    { name: `${label}: the champion's p50 without it`, value: p50(all.alone), unit: 'ms' },
    { name: `${label}: the champion's p99 without it`, value: quantileOf(all.alone, 0.99), unit: 'ms' },
    {
      name: `${label}: the champion's p50 by that without it`,
      value: median(triples.map(({ alone, together, again }) => p50(together) / Math.sqrt(p50(alone) * p50(again)))),
      unit: 'ratio',
      goal: '<= 1.05',
    },
    {
      name: `${label}: what it adds to the champion's p99, in batches of the champion`,
      value: (quantileOf(all.together, 0.99) - quantileOf(all.alone, 0.99)) / batchMs,
      unit: 'ratio',
      goal: '<= 1',
    },
    // What two measurements of the same thing differ by on this machine.
    {
      name: `${label}: the champion's p50 without it, by that without it once more`,
      value: median(triples.map(({ alone, again }) => p50(again) / p50(alone))),
      unit: 'ratio',
    },
    {
      name: `${label}: what no shadow adds to the champion's p99, in batches of the champion`,
      value: (quantileOf(all.after, 0.99) - quantileOf(all.before, 0.99)) / batchMs,
      unit: 'ratio',
    },
    { name: `${label}: comparisons done`, value: stats.comparisons, unit: 'comparisons', goal: '>= 200' },
    // Its last run, which is not paid for yet, comes on top of two per cent.
    { name: `${label}: share of time taken`, value: stats.timeShare, unit: 'ratio' },
    { name: `${label}: share of the requests that met it`, value: stats.overlapShare, unit: 'ratio' },
  ];
}
