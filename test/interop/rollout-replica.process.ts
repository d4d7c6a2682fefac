import { createInterface } from 'node:readline';
import { createRunner } from '@fairlead/core';
import { canary, createRollout, errorsGuardrail, thompson } from '@fairlead/core/rollouts';
import { createMockBackend } from '@fairlead/core/testing';
import { redisRolloutStore } from '@fairlead/node/stores';
import { Redis } from 'ioredis';
import { createClient } from 'redis';

/*
 * One replica of a service with a rollout in Redis: `<socket> <node-redis|ioredis> <good|broken|bandit>`. It sends itself requests for
 * ever, tells what its rollout tells as lines of JSON, and takes commands as lines: `approve`, `state`, `decide`, `reward <id> <value>`.
 */

const [path = '', kind = '', challenger = ''] = process.argv.slice(2);
const tell = (what: string, content: object = {}): void => console.log(JSON.stringify({ what, ...content }));

async function connect() {
  if (kind === 'ioredis') {
    const client = new Redis(path, { retryStrategy: () => 50 });
    const subscriber = client.duplicate();
    // What is lost is told by the store.
    for (const connection of [client, subscriber]) connection.on('error', () => {});
    return { client, subscriber };
  }
  const client = createClient({ socket: { path, tls: false, reconnectStrategy: () => 50 } });
  client.on('error', () => {});
  await client.connect();
  return { client };
}

let calls = 0;
const mock = (fails: boolean) =>
  createMockBackend({
    compute(inputs) {
      if (fails && calls++ % 4 === 0) throw new Error('The new model fails.');
      return { y: inputs.x ?? { dtype: 'float32', shape: [0, 2], data: new Float32Array(0) } };
    },
  });
const steps = canary({
  steps: [
    // What is broken never gets as far as a step, however slow the machine is.
    { weight: 0.2, minRequests: challenger === 'broken' ? 1e9 : 200, approval: challenger === 'good' },
    { weight: 0.4, minRequests: 200 },
  ],
});
const store = redisRolloutStore({ ...(await connect()), timeoutMs: 300, pollMs: 20 });
const rollout = await createRollout({
  name: 'digits',
  champion: await createRunner({ model: '1', backend: mock(false), warmUp: false }),
  challengers: { next: await createRunner({ model: '2', backend: mock(challenger === 'broken'), warmUp: false }) },
  strategy: challenger === 'bandit' ? thompson() : steps,
  guardrails: challenger === 'bandit' ? [] : [errorsGuardrail({ margin: 0.05 })],
  store,
  lookEveryMs: 20,
  on: {
    'rollout-change': ({ to, actor, reason, atEpochMs }) => tell('change', { to, actor, reason, atEpochMs }),
    'store-fail': () => tell('store-fail'),
    'store-back': () => tell('store-back'),
    'approval-request': () => tell('approval-request'),
    'sample-ratio-mismatch': () => {},
  },
});

/** Rewards that the bandit has learnt from, as the store has it, and whether this replica knows that state; -1 of a store that is away. */
async function learnt(): Promise<{ readonly rewards: number; readonly isCurrent: boolean }> {
  // A busy machine may not answer in time: that is no answer, and who asks asks again.
  const found = await store.read('digits').catch(() => null);
  if (found === null) return { rewards: -1, isCurrent: false };
  const sums = (found?.state.sums ?? {}) as Readonly<Record<string, { readonly count: number }>>;
  const rewards = Object.values(sums).reduce((sum, { count }) => sum + count, 0);
  return { rewards, isCurrent: (found?.epoch ?? 0) === rollout.describe().epoch };
}

async function command(line: string): Promise<void> {
  const [verb, id = '', value] = line.split(' ');
  if (verb === 'approve') void rollout.approve().catch((error: unknown) => tell('refused', { reason: String(error) }));
  if (verb === 'decide') {
    const { rollout: how } = await rollout.run({ x: Float32Array.of(0, 1) });
    tell('decision', { id: how.decisionId });
  } else if (verb === 'reward') {
    tell('outcome', { outcome: rollout.reward(id, Number(value)) });
  } else if (verb === 'learnt') {
    tell('learnt', { ...(await learnt()), waiting: rollout.rewardStats()?.shared?.waiting });
  } else {
    const { status, weights, promoted, history, arms, epoch, sampleRatio } = rollout.describe();
    const requests = arms.find(({ arm }) => arm === 'next')?.evidence?.requests ?? 0;
    const { units = 0, isMismatch = false } = sampleRatio ?? {};
    const where = { status, weights, promoted, history: history.map(({ to }) => to), epoch };
    tell('state', { ...where, requests, units, isMismatch, served, failed });
  }
}

let served = 0;
let failed = 0;
createInterface({ input: process.stdin }).on('line', (line) => {
  void command(line).catch((error: unknown) => tell('refused', { reason: String(error) }));
});
tell('ready');
for (;;) {
  const sent = Array.from({ length: 4 }, (_, index) => rollout.run({ x: Float32Array.of(index, 1) }));
  for (const end of await Promise.allSettled(sent)) end.status === 'fulfilled' ? served++ : failed++;
  await new Promise((resolve) => setTimeout(resolve, 1));
}
