import { errorsGuardrail, latencyGuardrail } from '@fairlead/core/rollouts';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { openBatcherTraffic } from './batcher-traffic';
import { type Canary, createCanary } from './canary';
import { fixedHorizon } from './delays';
import { levels } from './levels';
import { createPeekingTest, createThreshold } from './naive';

const seed = 20_263;
const requestsOfCanary = 200;
const mostRequests = 5000;

const openCanary = (): Canary =>
  createCanary({
    guardrails: [errorsGuardrail({ margin: 0 }), latencyGuardrail({ margin: 0 })],
    levels: levels.map(({ rate }) => rate),
  });

/** The same model on both arms, and one that fails 5 % instead of 1 %, at a tenth of the traffic each, through the real batcher. */
export async function measureBatcherCanaries(context: SuiteContext): Promise<Result[]> {
  return [...(await measureSameModel(context)), ...(await measureWorseModel(context))];
}

async function measureSameModel({ note, quick }: SuiteContext): Promise<Result[]> {
  const count = quick ? 4 : 2000;
  note(`the same model on both arms through the batcher, ${count} canaries`);
  const traffic = await openBatcherTraffic({ seed, rates: { challenger: 0.01, control: 0.01 }, outages: true });
  const rolledBack = levels.map(() => 0);
  const peeked = levels.map(() => 0);
  let overThreshold = 0;
  let requests = 0;
  let blocks = 0;
  for (let run = 0; run < count; run++) {
    const canary = openCanary();
    const threshold = createThreshold();
    const tests = levels.map(({ z }) => createPeekingTest(z));
    const alarmed = { threshold: false, tests: levels.map(() => false) };
    while (canary.requests < requestsOfCanary) {
      for (const block of await traffic.tick()) {
        blocks++;
        requests += block.requests;
        canary.observe(block);
        alarmed.threshold ||= threshold.observe(block);
        tests.forEach((test, level) => {
          alarmed.tests[level] ||= test.observe(block);
        });
      }
    }
    if (alarmed.threshold) overThreshold++;
    levels.forEach((_, level) => {
      if (canary.harmAt[level] !== undefined) rolledBack[level] = (rolledBack[level] ?? 0) + 1;
      if (alarmed.tests[level]) peeked[level] = (peeked[level] ?? 0) + 1;
    });
  }
  await traffic.close();
  const what = 'the same model on both arms through the batcher, errors and latency';
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
    { name: '… canaries simulated', value: count, unit: 'canaries' },
    { name: '… requests of a batch in the slices, on average', value: requests / blocks, unit: 'requests' },
  ];
}

async function measureWorseModel({ note, quick }: SuiteContext): Promise<Result[]> {
  const count = quick ? 2 : 200;
  note('errors from 1 % to 5 % through the batcher');
  const rates = { challenger: 0.05, control: 0.01 };
  const traffic = await openBatcherTraffic({ seed: seed + 10, rates, outages: false });
  const requests = levels.map((): number[] => []);
  for (let run = 0; run < count; run++) {
    const canary = openCanary();
    while (canary.requests < mostRequests && canary.harmAt.some((at) => at === undefined)) {
      for (const block of await traffic.tick()) canary.observe(block);
    }
    requests.forEach((ofLevel, level) => void ofLevel.push(canary.harmAt[level] ?? mostRequests));
  }
  await traffic.close();
  return levels.map(({ name, z }, level) => {
    const beside = fixedHorizon(z, rates.challenger, rates.control);
    return {
      name: `requests until errors of 5 % instead of 1 % are rolled back, by the ${beside} of a test that looks once (${name}): through the batcher at a tenth of the traffic, beside a guardrail of latency`,
      value: median(requests[level] ?? []) / beside,
      unit: 'ratio',
      goal: '<= 2',
    };
  });
}
