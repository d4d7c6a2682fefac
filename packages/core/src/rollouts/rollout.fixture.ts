import { FairleadError } from '../errors';
import { createRandom } from '../monitoring/random';
import { pair, type ScriptedRunner, type Step, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { collectInto } from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import type { RolloutOptions } from './options';
import type { RolloutEventMap, RolloutRunOptions } from './result';
import { createRollout } from './rollout';
import type { RolloutRunner } from './rollout-runner';
import { canary } from './strategies/canary';

/* A rollout over two scripted runners on a virtual clock; not part of `@fairlead/core/rollouts`. */

export const eventNames = [
  'rollout-change',
  'approval-request',
  'request-fall-back',
  'arm-open',
  'arm-close',
  'arm-load-fail',
  'sample-ratio-mismatch',
  'store-fail',
  'store-back',
  'alias-fail',
] as const;

export interface RolloutSetup {
  readonly rollout: RolloutRunner;
  readonly clock: VirtualClock;
  readonly champion: ScriptedRunner;
  readonly challenger: ScriptedRunner;
  readonly heard: { readonly name: keyof RolloutEventMap; readonly event: unknown }[];
  readonly log: string[];
  /** Sends so many requests, one each millisecond, each with its own key, and answers who served or why it failed. */
  send(requests: number, options?: RolloutRunOptions): Promise<readonly string[]>;
  /** What each event told of one name. */
  told<K extends keyof RolloutEventMap>(name: K): readonly RolloutEventMap[K][];
}

export interface Scripts {
  readonly champion?: (call: number) => Step;
  readonly challenger?: (call: number) => Step;
}

let users = 0;

export async function setUpRollout(
  options: Partial<RolloutOptions> = {},
  scripts: Scripts = {},
  clock = createVirtualClock(),
): Promise<RolloutSetup> {
  const champion = scriptedRunner(clock, scripts.champion, '1');
  const challenger = scriptedRunner(clock, scripts.challenger, '2');
  const heard: RolloutSetup['heard'] = [];
  const log: string[] = [];
  const on = Object.fromEntries(
    eventNames.map((name) => [name, (event: unknown) => void heard.push({ name, event })]),
  ) as NonNullable<RolloutOptions['on']>;
  const rollout = await createRollout({
    name: 'digits',
    champion,
    challengers: { canary: challenger },
    strategy: canary({
      steps: [
        { weight: 0.1, minRequests: 20 },
        { weight: 0.5, minRequests: 50 },
      ],
    }),
    blockMs: 5,
    clock,
    random: createRandom(7),
    logger: collectInto(log),
    on,
    ...options,
  });
  return {
    rollout,
    clock,
    champion,
    challenger,
    heard,
    log,
    async send(requests, runOptions) {
      const ends: string[] = [];
      for (let sent = 0; sent < requests; sent++) {
        const index = sent;
        rollout.run(pair(sent), { key: `user-${users++}`, ...runOptions }).then(
          (answer) => {
            ends[index] = answer.rollout.answeredBy;
          },
          (error: unknown) => {
            ends[index] = FairleadError.isInstance(error) ? error.code : String(error);
          },
        );
        await clock.advance(1);
      }
      await clock.advance(1000);
      return ends;
    },
    told: (name) => heard.flatMap((each) => (each.name === name ? [each.event as never] : [])),
  };
}
