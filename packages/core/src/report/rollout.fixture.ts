import { failure, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { thompson } from '../rollouts/bandits/thompson';
import { errorsGuardrail, latencyGuardrail } from '../rollouts/evidence/guardrails';
import { setUpRollout } from '../rollouts/rollout.fixture';
import type { RolloutRunner } from '../rollouts/rollout-runner';
import { createShadow } from '../rollouts/shadow/create-shadow';
import { createMemoryRolloutStore } from '../rollouts/store/memory-rollout-store';
import { abTest } from '../rollouts/strategies/ab-test';
import { canary } from '../rollouts/strategies/canary';
import { shadow } from '../rollouts/strategies/shadow';
import { createVirtualClock } from '../testing/virtual-clock';
import type { RolloutSection } from './sections';

/* Rollouts as a page shows them, each brought to a state by requests on a virtual clock. */

/** New ones for each rollout, since they remember. */
const guardrails = () => [errorsGuardrail({ margin: 0.02 }), latencyGuardrail()];
const now = Date.UTC(2025, 4, 6, 7, 8);

async function sectionOf(rollout: RolloutRunner): Promise<RolloutSection> {
  const section = { ...rollout.describe(), stats: rollout.rolloutStats() };
  // As it would come from another process.
  const plain = JSON.parse(JSON.stringify(section)) as RolloutSection;
  await rollout.close();
  return plain;
}

/** In its second step, with some failures that the champion mended. */
export async function runningCanary(): Promise<RolloutSection> {
  const steps = canary({
    steps: [
      { weight: 0.1, minRequests: 60 },
      { weight: 0.25, minRequests: 100_000 },
    ],
  });
  const { rollout, send } = await setUpRollout(
    { strategy: steps, guardrails: guardrails() },
    {
      challenger: (call) => (call % 53 === 7 ? { error: failure('RUN_FAILED') } : { afterMs: 8 + (call % 5) }),
      champion: (call) => (call % 61 === 5 ? { error: failure('RUN_FAILED') } : { afterMs: 8 + (call % 6) }),
    },
    createVirtualClock(now),
  );
  for (let part = 0; part < 12; part++) await send(250);
  return sectionOf(rollout);
}

/** Harmed errors, and was taken back. */
export async function rolledBack(): Promise<RolloutSection> {
  const { rollout, send } = await setUpRollout(
    { strategy: canary({ steps: [{ weight: 0.2, minRequests: 1000 }] }), guardrails: guardrails() },
    { challenger: (call) => (call % 3 === 0 ? { error: failure('RUN_FAILED') } : {}) },
    createVirtualClock(now),
  );
  for (let part = 0; part < 8; part++) await send(60);
  return sectionOf(rollout);
}

/** Went through its steps with a person's approval. */
export async function promoted(): Promise<RolloutSection> {
  const { rollout, send } = await setUpRollout(
    {
      strategy: canary({
        steps: [
          { weight: 0.2, minRequests: 20 },
          { weight: 0.5, minRequests: 40, approval: true },
        ],
        promoteOn: 'no-harm',
      }),
      guardrails: guardrails(),
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    },
    {},
    createVirtualClock(now),
  );
  await rollout.pause({ actor: 'ann', reason: 'Lunch.' });
  await send(50);
  await rollout.resume({ actor: 'ann', reason: 'Back again.' });
  for (let part = 0; part < 4; part++) await send(150);
  await rollout.approve({ actor: 'bob', reason: 'Looks good on all dashboards.' });
  return sectionOf(rollout);
}

/** The store went away, and a challenger keeps failing. */
export async function degraded(): Promise<RolloutSection> {
  const store = createMemoryRolloutStore();
  let isDown = false;
  const away = (): void => {
    if (isDown) throw new Error('connect ECONNREFUSED');
  };
  const { rollout, send } = await setUpRollout(
    {
      strategy: abTest(),
      store: {
        ...store,
        read: async (name) => {
          away();
          return store.read(name);
        },
        add: async (...added) => {
          away();
          return store.add(...added);
        },
        sum: async (...asked) => {
          away();
          return store.sum(...asked);
        },
        close: store.close,
      },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    },
    {},
    createVirtualClock(now),
  );
  await send(200);
  isDown = true;
  await send(50);
  return sectionOf(rollout);
}

/** Answers in the shadow, differently now and then. */
export async function inTheShadow(): Promise<RolloutSection> {
  const clock = createVirtualClock(now);
  const champion = scriptedRunner(clock, () => ({ afterMs: 3 }), '1');
  const hidden = scriptedRunner(clock, (call) => (call === 9 ? { error: failure('RUN_FAILED') } : { afterMs: 6 }), '2');
  const mirror = createShadow({ champion, shadow: hidden, budget: { timeShare: 0.1, overlapShare: 1 }, clock });
  const { rollout, send } = await setUpRollout(
    {
      strategy: shadow({ mirror, minComparisons: 5000 }),
      champion,
      challengers: { canary: hidden },
      observers: [mirror],
    },
    {},
    clock,
  );
  await send(2000);
  const section = await sectionOf(rollout);
  await mirror.close();
  return section;
}

/** Three arms that learn from rewards. */
export async function bandit(): Promise<RolloutSection> {
  const clock = createVirtualClock(now);
  const { rollout } = await setUpRollout(
    {
      strategy: thompson(),
      challengers: {
        cheap: scriptedRunner(clock, () => ({ afterMs: 1 }), '2'),
        large: scriptedRunner(clock, () => ({ afterMs: 1 }), '3'),
      },
      guardrails: [],
    },
    { champion: () => ({ afterMs: 1 }) },
    clock,
  );
  for (let sent = 0; sent < 600; sent++) {
    const answering = rollout.run({ x: new Float32Array(2) });
    await clock.advance(1);
    const { arm, decisionId } = (await answering).rollout;
    const often = { champion: 4, cheap: 3, large: 7 }[arm] ?? 0;
    rollout.reward(decisionId, (sent * 7) % 10 < often ? 1 : 0);
  }
  await clock.advance(2000);
  return sectionOf(rollout);
}

const hostile = [
  '<script>alert(1)<script>',
  '"><img src=x onerror=alert(2)>',
  '__proto__',
  `long ${'ä'.repeat(150)} end`,
];

/** Names and words that would break a page that trusts them. */
export async function hostileRollout(): Promise<RolloutSection> {
  const clock = createVirtualClock(now);
  const [name = '', arm = '', other = '', long = ''] = hostile;
  const { rollout, send } = await setUpRollout(
    {
      name,
      strategy: abTest(),
      challengers: Object.fromEntries(
        [arm, other, long].map((each, index) => [each, scriptedRunner(clock, undefined, `<b>${index}</b>`)]),
      ),
      guardrails: [{ ...errorsGuardrail(), name: "' onload='alert(3)" }],
    },
    {},
    clock,
  );
  await send(200);
  await rollout.pause({ actor: '<i>mallory<i>', reason: '</li></ol><b>pwned</b>\u202e' });
  const section = await sectionOf(rollout);
  return { ...section, degraded: ['<marquee>'] };
}

/** Every state, one below the other. */
export async function everyRollout(): Promise<readonly RolloutSection[]> {
  return [
    await runningCanary(),
    await rolledBack(),
    await promoted(),
    await degraded(),
    await inTheShadow(),
    await bandit(),
    await hostileRollout(),
  ];
}
