import { setTimeout as sleep } from 'node:timers/promises';
import { createRunner, type LocalRunner, type ModelRunner } from '@fairlead/core';
import {
  createRollout,
  createShadow,
  type RolloutRunner,
  type Shadow,
  type ShadowStats,
  shadow,
} from '@fairlead/core/rollouts';
import { onnx } from '@fairlead/node';
import { quantile } from '../lib/load';
import { mlp } from '../lib/onnx/model';
import { driveOpen } from '../lib/open-load';
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
  /** Rounds, in each of which a phase without the shadow and one with it follow upon each other; who is first changes. */
  readonly rounds: number;
  /** Few fit between requests at random times: then most runs meet some, and the bound on those is what counts. */
  readonly leastComparisons?: number;
}

const arrivals: readonly Arrivals[] = [
  { name: 'requests evenly spaced', spreadMs: 0, rounds: 5, leastComparisons: 200 },
  { name: 'requests at random times', spreadMs: 200, rounds: 3 },
];

const aloneMs = 6000;
const togetherMs = 12_000;
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

/** What callers wait for the champion, in milliseconds. */
interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

/** An open load that leaves the champion idle at times. */
async function phase(runner: ModelRunner, milliseconds: number, spreadMs: number): Promise<Quantiles> {
  const latencies: number[] = [];
  const random = createRandom(seed);
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
  const ascending = Float64Array.from(latencies).sort();
  return { p50: quantile(ascending, 0.5), p99: quantile(ascending, 0.99) };
}

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
): Promise<[RolloutRunner, Shadow]> {
  const mirror = createShadow({ champion, shadow: slow, logger: silent });
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
  await phase(plain, context.quick ? 100 : 1000, 0);
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
  { name, spreadMs, rounds, leastComparisons }: Arrivals,
  models: Models,
  plain: RolloutRunner,
  batchMs: number,
): Promise<Result[]> {
  note(`shadow: a champion with and without a shadow ten times slower, ${name}`);
  const shadows: ShadowStats[] = [];
  const alone = (): Promise<Quantiles> => phase(plain, quick ? 200 : aloneMs, spreadMs);
  // A shadow of its own for each phase: what one has left over must not be run while the champion is alone.
  const together = async (): Promise<Quantiles> => {
    const [rollout, mirror] = await around(models, `mirrored, ${name}, ${shadows.length}`, true);
    const found = await phase(rollout, quick ? 600 : togetherMs, spreadMs);
    shadows.push(mirror.stats());
    await mirror.close();
    return found;
  };
  const pairs: { readonly alone: Quantiles; readonly together: Quantiles }[] = [];
  for (let round = 0; round < (quick ? 1 : rounds); round++) {
    const first = round % 2 === 0 ? undefined : await together();
    pairs.push({ alone: await alone(), together: first ?? (await together()) });
  }
  const sum = (of: (stats: ShadowStats) => number): number => shadows.reduce((total, stats) => total + of(stats), 0);
  const label = `${subject}, ${name}`;
  return [
    { name: `${label}: the champion's p50 without it`, value: median(pairs.map((pair) => pair.alone.p50)), unit: 'ms' },
    { name: `${label}: the champion's p99 without it`, value: median(pairs.map((pair) => pair.alone.p99)), unit: 'ms' },
    {
      name: `${label}: the champion's p50 by that without it`,
      value: median(pairs.map((pair) => pair.together.p50 / pair.alone.p50)),
      unit: 'ratio',
      goal: '<= 1.05',
    },
    {
      name: `${label}: what it adds to the champion's p99, in batches of the champion`,
      value: median(pairs.map((pair) => pair.together.p99 - pair.alone.p99)) / batchMs,
      unit: 'ratio',
      goal: '<= 1',
    },
    {
      name: `${label}: comparisons done`,
      value: sum((stats) => stats.comparisons),
      unit: 'comparisons',
      ...(leastComparisons === undefined ? {} : { goal: `>= ${leastComparisons}` }),
    },
    // Each shadow's last run, which is not paid for yet, comes on top of two per cent.
    {
      name: `${label}: share of time taken`,
      value: sum((stats) => stats.timeShare) / shadows.length,
      unit: 'ratio',
    },
    {
      name: `${label}: share of the requests that met it`,
      value: sum((stats) => stats.overlapped) / sum((stats) => stats.requests),
      unit: 'ratio',
    },
  ];
}
