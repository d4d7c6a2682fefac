import { createRunner, type LocalRunner, type ModelRunner } from '@fairlead/core';
import { createRollout, createShadow, shadow } from '@fairlead/core/rollouts';
import { onnx } from '@fairlead/node';
import { quantile } from '../lib/load';
import { mlp } from '../lib/onnx/model';
import { driveOpen } from '../lib/open-load';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { modelOf } from '../runner/subject';

const width = 256;
/** Ten times the work of the champion, for the same inputs and outputs. */
const championSizes = [width, 1024, 1024, 10];
const shadowSizes = [width, 4200, 4200, 10];
const perSecond = 100;
const phaseMs = 4000;
const patienceMs = 10_000;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A model in a worker with one thread, so that nobody computes in the thread of the callers. */
async function open(name: string, sizes: readonly number[]): Promise<LocalRunner> {
  const model = await modelOf({ name, shape: [width], bytes: () => mlp(sizes) });
  return createRunner({ model, backend: onnx({ device: 'cpu', threads: 1 }), lanes: 1 });
}

const row = (index: number): Float32Array =>
  Float32Array.from({ length: width }, (_, pixel) => Math.sin(index * 7 + pixel));

/** What callers wait for the champion, in milliseconds at 50 and 99 %, under an open load that leaves it idle at times. */
async function phase(runner: ModelRunner, milliseconds: number): Promise<readonly [number, number]> {
  const latencies: number[] = [];
  await driveOpen({
    perSecond,
    durationMs: milliseconds,
    patienceMs,
    async request(index) {
      const inputs = { x: row(index) };
      const startedAt = performance.now();
      await runner.run(inputs);
      latencies.push(performance.now() - startedAt);
    },
  });
  const ascending = Float64Array.from(latencies).sort();
  return [quantile(ascending, 0.5), quantile(ascending, 0.99)];
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

/** What callers of a champion feel of a shadow that is ten times slower, with its default budget, and how much it compares. */
export async function measureShadow({ quick, note }: SuiteContext): Promise<Result[]> {
  note('shadow: a champion with and without a shadow ten times slower');
  const champion = await open('champion', championSizes);
  const slow = await open('shadow', shadowSizes);
  const batchMs = await computeMs(champion);
  const slowMs = await computeMs(slow);
  const challengers = { canary: slow };
  const mirror = createShadow({ champion, shadow: slow, logger: silent });
  const mirrored = await createRollout({
    name: 'mirrored',
    champion,
    challengers,
    strategy: shadow({ mirror }),
    observers: [mirror],
    logger: silent,
  });
  // Around the same models, without the mirror, and not started.
  const plain = await createRollout({
    name: 'plain',
    champion,
    challengers,
    strategy: shadow({ mirror }),
    autoStart: false,
    logger: silent,
  });
  await phase(plain, quick ? 100 : 1000);
  const pairs: { readonly alone: readonly [number, number]; readonly together: readonly [number, number] }[] = [];
  for (let pair = 0; pair < (quick ? 1 : 5); pair++) {
    const alone = await phase(plain, quick ? 200 : phaseMs);
    pairs.push({ alone, together: await phase(mirrored, quick ? 400 : phaseMs) });
  }
  const { comparisons, timeShare } = mirror.stats();
  await mirror.close();
  await mirrored.close();
  await plain.close();
  const name = 'a shadow ten times slower, at its default budget';
  return [
    { name: `${name}: its time by the champion's`, value: slowMs / batchMs, unit: 'ratio' },
    {
      name: `${name}: the champion's p50 by that without it`,
      value: median(pairs.map(({ alone, together }) => together[0] / alone[0])),
      unit: 'ratio',
      goal: '<= 1.05',
    },
    {
      name: `${name}: what it adds to the champion's p99, in batches of the champion`,
      value: median(pairs.map(({ alone, together }) => together[1] - alone[1])) / batchMs,
      unit: 'ratio',
      goal: '<= 1',
    },
    { name: `${name}: comparisons done`, value: comparisons, unit: 'comparisons', goal: '>= 200' },
    // Two per cent, and the last round, which is not paid for yet.
    { name: `${name}: share of time taken`, value: timeShare, unit: 'ratio' },
  ];
}
