import { closeable, createEvents, type ModelRunner, type RunnerEventMap, type RunResult } from '@fairlead/core';
import { canary, createRollout } from '@fairlead/core/rollouts';
import { compare } from '../lib/compare';
import type { Result, SuiteContext } from '../lib/suite';

/** Requests of a round; callers who wait for their answers, as many at a time as a busy service has. */
const requests = 100_000;
const callers = 64;
const users = 5000;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A runner that has its answer at once, so that nothing but what is around it takes time. */
function instantRunner(version: string): ModelRunner {
  const data = Float32Array.of(1);
  const result: RunResult = {
    outputs: { y: { dtype: 'float32', shape: [1, 1], data } },
    model: { name: 'instant', version, digest: version.padStart(64, '0') },
    timing: { queueMs: 0, computeMs: 0 },
    batchSize: 1,
  };
  const answer = Promise.resolve(result);
  const spec = [{ name: 'x', dtype: 'float32', shape: ['batch', 1] }] as const;
  return {
    ...closeable(() => {}),
    signature: { inputs: spec, outputs: spec.map((each) => ({ ...each, name: 'y' })), batchAxis: 0 },
    model: result.model,
    events: createEvents<RunnerEventMap>(silent),
    run: () => answer,
  };
}

/** Microseconds of the processor that a request takes: what else the machine does is no part of it. */
async function drive(runner: ModelRunner, keys: readonly (string | undefined)[]): Promise<number> {
  const inputs = { x: Float32Array.of(1) };
  const options = keys.map((key) => (key === undefined ? {} : { key }));
  const before = process.cpuUsage();
  for (let sent = 0; sent < requests; sent += callers) {
    const answers: Promise<RunResult>[] = [];
    for (let caller = 0; caller < callers; caller++) {
      answers.push(runner.run(inputs, options[(sent + caller) % options.length]));
    }
    await Promise.all(answers);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

const cases = [
  { name: 'a canary at 10 %, by key', weight: 0.1, keyed: true },
  { name: 'a canary at 10 %, by chance', weight: 0.1, keyed: false },
  { name: 'a canary at 50 %, by key', weight: 0.5, keyed: true },
];

/** What a rollout adds to a request, beside the bare champion. */
export async function measureOverhead({ rounds, note }: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, weight, keyed } of cases) {
    note(`overhead: ${name}`);
    const champion = instantRunner('1');
    const rollout = await createRollout({
      name: 'overhead',
      champion,
      challengers: { canary: instantRunner('2') },
      strategy: canary({ steps: [{ weight, minRequests: Number.MAX_SAFE_INTEGER }] }),
      logger: silent,
    });
    const keys = keyed ? Array.from({ length: users }, (_, user) => `user-${user}`) : [undefined];
    const { difference } = await compare(
      () => drive(rollout, keys),
      () => drive(champion, keys),
      { rounds },
    );
    await rollout.close();
    results.push({ name: `what a rollout adds to a request: ${name}`, value: difference, unit: 'µs', goal: '<= 2' });
  }
  return results;
}
