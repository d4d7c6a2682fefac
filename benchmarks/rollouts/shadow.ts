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
/** Ten times the work of the champion, for the same inputs and outputs. */
const championSizes = [width, 1024, 1024, 10];
const shadowSizes = [width, 4200, 4200, 10];
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
 * is measured with its shadow and without in turns of a second, many times over, each pair with the same arrivals.
 */
const turnMs = 1200;
const pairsOfTurns = 40;
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
async function turn(runner: ModelRunner, milliseconds: number, spreadMs: number, pair: number): Promise<number[]> {
  const latencies: number[] = [];
  const random = createRandom(seed + pair);
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

/** Milliseconds that one row takes a model at best: what else the machine does is no part of it. */
async function computeMs(runner: ModelRunner): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < 40; index++) {
    const { timing } = await runner.run({ x: row(index) });
    times.push(timing.computeMs);
  }
  return Math.min(...times);
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
  const models: Models = {
    champion: await open('champion', championSizes),
    slow: await open('shadow', shadowSizes),
    rollouts: [],
  };
  const batchMs = await computeMs(models.champion);
  const slowMs = await computeMs(models.slow);
  const [plain, unused] = await around(models, 'plain', false);
  await unused.close();
  await turn(plain, context.quick ? 100 : 1000, 0, 0);
  const results: Result[] = [
    { name: `${subject}: its time by the champion's`, value: slowMs / batchMs, unit: 'ratio' },
    { name: `${subject}: a batch of the champion`, value: batchMs, unit: 'ms' },
  ];
  for (const each of arrivals) results.push(...(await measureArrivals(context, each, models, plain, batchMs)));
  for (const rollout of models.rollouts) await rollout.close();
  return results;
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
  const alone = (pair: number): Promise<number[]> => turn(plain, ms, spreadMs, pair);
  const together = async (pair: number): Promise<number[]> => {
    clock.resume();
    const found = await turn(mirrored, ms, spreadMs, pair);
    await sleep(lullMs);
    clock.pause();
    while ((models.slow.health().queue.batchesInFlight ?? 0) > 0) await sleep(1);
    return found;
  };
  const pairs: { readonly alone: readonly number[]; readonly together: readonly number[] }[] = [];
  for (let pair = 0; pair < (quick ? 2 : pairsOfTurns); pair++) {
    const first = pair % 2 === 0 ? undefined : await together(pair);
    pairs.push({ alone: await alone(pair), together: first ?? (await together(pair)) });
  }
  clock.resume();
  const stats = mirror.stats();
  await mirror.close();
  const all = {
    alone: pairs.flatMap((pair) => pair.alone),
    together: pairs.flatMap((pair) => pair.together),
  };
  const label = `${subject}, ${name}`;
  return [
    { name: `${label}: the champion's p50 without it`, value: quantileOf(all.alone, 0.5), unit: 'ms' },
    { name: `${label}: the champion's p99 without it`, value: quantileOf(all.alone, 0.99), unit: 'ms' },
    {
      name: `${label}: the champion's p50 by that without it`,
      value: median(pairs.map((pair) => quantileOf(pair.together, 0.5) / quantileOf(pair.alone, 0.5))),
      unit: 'ratio',
      goal: '<= 1.05',
    },
    {
      name: `${label}: what it adds to the champion's p99, in batches of the champion`,
      value: (quantileOf(all.together, 0.99) - quantileOf(all.alone, 0.99)) / batchMs,
      unit: 'ratio',
      goal: '<= 1',
    },
    { name: `${label}: comparisons done`, value: stats.comparisons, unit: 'comparisons', goal: '>= 200' },
    // Its last run, which is not paid for yet, comes on top of two per cent.
    { name: `${label}: share of time taken`, value: stats.timeShare, unit: 'ratio' },
    { name: `${label}: share of the requests that met it`, value: stats.overlapShare, unit: 'ratio' },
  ];
}
