import { abTest, type Block, canary, errorsGuardrail, type Guardrail, latencyGuardrail } from '@fairlead/core/rollouts';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { type Canary, createCanary } from './canary';
import { fixedHorizon } from './delays';
import { levels } from './levels';
import { createPeekingTest, createThreshold } from './naive';
import { openRolloutTraffic } from './rollout-traffic';

const seed = 20_263;
/** Share of the challenger, and of its control slice. */
const share = 0.1;
/** Requests of the challenger that were compared in each canary without harm; after each pair of blocks somebody looks. */
const requestsOfCanary = 100;
/** A canary that is not rolled back by then counts with as many. */
const mostRequests = 5000;

const guardrails = (): Guardrail[] => [errorsGuardrail({ margin: 0 }), latencyGuardrail({ margin: 0 })];

const openCanary = (): Canary => createCanary({ guardrails: guardrails(), levels: levels.map(({ rate }) => rate) });

/** Says nothing, and passes on what the rollout compares: its blocks, as they came out of the batcher. */
function tap(onPair: (challenger: Block, control: Block) => void): Guardrail {
  let challenger: Block | undefined;
  return {
    name: 'tap',
    harmfulWhen: 'higher',
    margin: 0,
    bounds: [0, 1],
    measure(block) {
      if (block.arm !== 'champion') challenger = block;
      else if (challenger !== undefined) onPair(challenger, block);
      return undefined;
    },
  };
}

/** The same model on both arms, and one that fails 5 % instead of 1 %, at a tenth of the traffic, through a rollout and the real batcher. */
export async function measureBatcherCanaries(context: SuiteContext): Promise<Result[]> {
  return [...(await measureSameModel(context)), ...(await measureWorseModel(context))];
}

async function measureSameModel({ note, quick }: SuiteContext): Promise<Result[]> {
  const count = quick ? 4 : 2000;
  note(`the same model on both arms through the batcher, ${count} canaries`);
  const rolledBack = levels.map(() => 0);
  const peeked = levels.map(() => 0);
  let overThreshold = 0;
  let requests = 0;
  let blocks = 0;
  let done = 0;
  const begin = () => ({
    canary: openCanary(),
    watchers: [createThreshold(), ...levels.map(({ z }) => createPeekingTest(z))],
    alarmed: [false, ...levels.map(() => false)],
  });
  let present = begin();
  const end = (): void => {
    const { canary: ended, alarmed } = present;
    if (alarmed[0]) overThreshold++;
    levels.forEach((_, level) => {
      if (ended.harmAt[level] !== undefined) rolledBack[level] = (rolledBack[level] ?? 0) + 1;
      if (alarmed[level + 1]) peeked[level] = (peeked[level] ?? 0) + 1;
    });
    done++;
    present = begin();
  };
  const onPair = (...pair: readonly [challenger: Block, control: Block]): void => {
    for (const block of pair) {
      blocks++;
      requests += block.requests;
      present.canary.observe(block);
      present.watchers.forEach((watcher, index) => {
        present.alarmed[index] ||= watcher.observe(block);
      });
    }
    if (present.canary.requests >= requestsOfCanary) end();
  };
  const traffic = await openRolloutTraffic({
    seed,
    rates: { challenger: 0.01, champion: 0.01 },
    outages: true,
    strategy: abTest({ weights: { champion: 1 - share, canary: share } }),
    guardrails: [tap(onPair)],
  });
  while (done < count) await traffic.tick();
  await traffic.close();
  const what = 'the same model on both arms through the batcher at 10 %, errors and latency';
  return [
    ...levels.flatMap(({ rate, name }, level): Result[] => [
      {
        name: `false rollbacks where ${name} was asked for: ${what}`,
        value: (rolledBack[level] ?? 0) / count,
        unit: 'ratio',
        goal: `<= ${rate}`,
      },
      {
        name: `… by a one-look test of the errors at ${name}, looked at after every block`,
        value: (peeked[level] ?? 0) / count,
        unit: 'ratio',
      },
    ]),
    { name: '… by a threshold on the average (95 % success)', value: overThreshold / count, unit: 'ratio' },
    { name: '… requests of a block, on average', value: requests / blocks, unit: 'requests' },
  ];
}

async function measureWorseModel({ note, quick }: SuiteContext): Promise<Result[]> {
  const count = quick ? 2 : 100;
  const rates = { challenger: 0.05, champion: 0.01 };
  const results: Result[] = [];
  for (const { name, rate, z } of levels) {
    note(`errors from 1 % to 5 % through the batcher, ${name}`);
    const requests: number[] = [];
    for (let run = 0; run < count; run++) {
      const traffic = await openRolloutTraffic({
        seed: seed + 10 * (run + 1),
        rates,
        outages: false,
        strategy: canary({ steps: [{ weight: share, minRequests: 10 * mostRequests }] }),
        guardrails: guardrails(),
        maxFalseRollbackRate: rate,
      });
      const had = (): number => traffic.rollout.rolloutStats().arms.canary?.requests ?? 0;
      while (traffic.rollout.describe().status === 'running' && had() < mostRequests) await traffic.tick();
      requests.push(had());
      await traffic.close();
    }
    const beside = fixedHorizon(z, rates.challenger, rates.champion);
    results.push({
      name: `requests until errors of 5 % instead of 1 % are rolled back, by the ${beside} of a test that looks once (${name}): a rollout at 10 %, through the batcher, beside a guardrail of latency`,
      value: median(requests) / beside,
      unit: 'ratio',
      goal: '<= 2',
    });
  }
  return results;
}
