import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { failure, pair, pairSignature, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createRunner } from '../runner/create-runner';
import { createMockBackend, mockModel } from '../testing/mock-backend';
import { createVirtualClock } from '../testing/virtual-clock';
import { errorsGuardrail } from './evidence/guardrails';
import type { RolloutOptions } from './options';
import { createRollout } from './rollout';
import { setUpRollout } from './rollout.fixture';
import { abTest } from './strategies/ab-test';
import { canary } from './strategies/canary';

const clock = createVirtualClock();
const runner = (version: string) => scriptedRunner(clock, undefined, version);
const openRunner = () =>
  createRunner({ model: mockModel('1'), backend: createMockBackend(), lanes: 'inline', warmUp: false });
const good = (): RolloutOptions => ({
  name: 'digits',
  champion: runner('1'),
  challengers: { canary: runner('2') },
  strategy: canary(),
  clock,
});

describe('options that cannot be', () => {
  it.each([
    ['name', { name: '' }],
    ['champion', { champion: {} }],
    ['challengers', { challengers: {} }],
    ['challengers', { challengers: runner('2') }],
    ['challengers', { challengers: [runner('2')] }],
    ['challengers.champion', { challengers: { champion: runner('2') } }],
    ['challengers.a/b', { challengers: { 'a/b': runner('2') } }],
    ['challengers.canary', { challengers: { canary: 'v2' } }],
    ['challengers.canary', { challengers: { canary: { ...runner('2'), signature: undefined } } }],
    ['clock', { clock: {} }],
    ['challengers.toString', { challengers: { toString: runner('2') } }],
    ['strategy', { strategy: 'canary' }],
    ['strategy', { strategy: { ...canary(), plan: undefined } }],
    ['strategy', { strategy: { ...canary(), weights: () => ({ champion: 0.9, canary: 0.9 }) } }],
    ['strategy', { strategy: { ...canary(), weights: () => ({ champion: 1.5, canary: -0.5 }) } }],
    ['strategy', { strategy: { ...canary(), weights: () => ({ champion: Number.NaN }) } }],
    ['strategy', { strategy: { ...canary(), weights: () => undefined } }],
    ['guardrails.1.name', { guardrails: [errorsGuardrail(), errorsGuardrail()] }],
    ['guardrails.0.margin', { guardrails: [{ ...errorsGuardrail(), margin: -1 }] }],
    ['guardrails.0.margin', { guardrails: [{ ...errorsGuardrail(), margin: 1 }] }],
    ['guardrails.0.harmfulWhen', { guardrails: [{ ...errorsGuardrail(), harmfulWhen: 'up' }] }],
    ['guardrails.0.bounds', { guardrails: [{ ...errorsGuardrail(), bounds: [0, Infinity] }] }],
    ['guardrails.0.bounds', { guardrails: [{ ...errorsGuardrail(), bounds: [1, 1] }] }],
    ['maxFalseRollbackRate', { maxFalseRollbackRate: 0 }],
    ['maxFalsePromotionRate', { maxFalsePromotionRate: 0 }],
    ['maxFalsePromotionRate', { maxFalsePromotionRate: 1 }],
    ['maxFalsePromotionRate', { maxFalsePromotionRate: '5 %' as unknown as number }],
    ['guardrails.0.windowMs', { guardrails: [{ ...errorsGuardrail(), windowMs: 0 }] }],
    ['assignment.holdout', { assignment: { holdout: 1 } }],
    ['assignment.layer', { assignment: { layer: { name: 'x', from: 0.5, to: 0.5 } } }],
    ['assignment.overrides.ada', { assignment: { overrides: { ada: 'nobody' } } }],
    ['breaker.halfOpenAfterMs', { breaker: { halfOpenAfterMs: 0 } }],
    ['coolDownMs', { coolDownMs: -1 }],
    ['lookEveryMs', { lookEveryMs: 0 }],
    ['lookEveryMs', { lookEveryMs: 2 ** 31 }],
    ['store', { store: { read() {}, write() {} } }],
    ['alias', { alias: { move() {} } }],
    ['on.rollout-changed', { on: { 'rollout-changed': () => {} } }],
    ['on.rollout-change', { on: { 'rollout-change': 'log' } }],
    ['weights', { weights: {} }],
    ['weights.canary', { strategy: abTest({ weights: { champion: 0.5, other: 0.5 } }) }],
  ])('name %s', async (field, wrong) => {
    const error = await createRollout({ ...good(), ...wrong } as RolloutOptions).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
    expect(FairleadError.isInstance(error) && error.message).toContain('expected');
  });

  it('refuse a challenger of another signature, and leave the champion as it is', async () => {
    const champion = runner('1');
    const other = { ...pairSignature, batchAxis: null };
    const challengers = { canary: scriptedRunner(clock, undefined, '2', other) };
    const error = await createRollout({ ...good(), champion, challengers }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SIGNATURE_MISMATCH' });
    expect(champion.closed).toBe(false);
  });
});

describe('a runner that was closed', () => {
  it.each(['champion', 'challengers.canary'])('is refused as %s', async (field) => {
    const closed = await openRunner();
    await closed.close();
    const wrong = field === 'champion' ? { champion: closed } : { challengers: { canary: closed } };
    await expect(createRollout({ ...good(), ...wrong })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field, expected: 'a runner that is open' },
    });
  });
});

describe('a challenger that cannot be loaded', () => {
  it('is said aloud, the champion serves, and start() tries again', async () => {
    let isThere = false;
    const {
      rollout,
      send,
      told,
      clock: time,
    } = await setUpRollout({
      challengers: {
        canary: async () => {
          if (!isThere) throw new FairleadError('MODEL_NOT_FOUND', 'No such model.');
          return scriptedRunner(time, undefined, '2');
        },
      },
    } as Partial<RolloutOptions>);
    expect(new Set(await send(20))).toEqual(new Set(['champion']));
    expect(told('arm-load-fail')).toMatchObject([{ arm: 'canary', error: { code: 'MODEL_NOT_FOUND' } }]);
    expect(rollout.describe()).toMatchObject({
      status: 'idle',
      degraded: ['canary is not loaded: the champion serves its share.'],
    });
    expect(rollout.describe().reason).toContain('No such model.');
    await expect(rollout.start()).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    isThere = true;
    await rollout.start();
    expect(rollout.describe()).toMatchObject({ status: 'running', degraded: [] });
    expect(await send(100)).toContain('canary');
    await rollout.close();
  });

  it('or has another signature is closed, and the champion serves', async () => {
    const time = createVirtualClock();
    const other = scriptedRunner(time, undefined, '2', { ...pairSignature, batchAxis: null });
    const { rollout, send, told } = await setUpRollout({ challengers: { canary: () => other } }, {}, time);
    expect(told('arm-load-fail')).toMatchObject([{ error: { code: 'SIGNATURE_MISMATCH' } }]);
    expect(other.closed).toBe(true);
    expect(new Set(await send(10))).toEqual(new Set(['champion']));
    await rollout.close();
  });
});

describe('a function that makes no runner', () => {
  it.each([undefined, 7, {}])('but %j is said aloud, and the champion serves', async (made) => {
    const { send, rollout, told } = await setUpRollout({ challengers: { canary: () => made as never } });
    expect(new Set(await send(10))).toEqual(new Set(['champion']));
    const error = { code: 'INVALID_OPTION', details: { field: 'challengers.canary' } };
    expect(told('arm-load-fail')).toMatchObject([{ error }]);
    await rollout.close();
  });
});

describe('a logger that throws', () => {
  it('costs nobody an answer', async () => {
    const fail = (): never => {
      throw new Error('The disk is full.');
    };
    const time = createVirtualClock();
    const rollout = await createRollout({
      ...good(),
      champion: scriptedRunner(time, undefined, '1'),
      challengers: { canary: scriptedRunner(time, () => ({ error: failure('RUN_FAILED') }), '2') },
      strategy: abTest(),
      breaker: { failures: 1 },
      logger: { debug: fail, info: fail, warn: fail, error: fail },
      clock: time,
    });
    const asked = Array.from({ length: 20 }, (_, user) => rollout.run(pair(), { key: `user-${user}` }));
    await time.advance(100);
    expect((await Promise.all(asked)).map(({ rollout: trace }) => trace.answeredBy)).toEqual(
      asked.map(() => 'champion'),
    );
    await rollout.close();
  });
});

describe('a request that cannot be', () => {
  it('is refused as its runner refuses it, and a key function that throws rejects the request alone', async () => {
    const { rollout, send } = await setUpRollout({
      assignment: {
        key: (_inputs, { key }) => {
          if (key === 'bad') throw new FairleadError('INVALID_ARGUMENT', 'No such user.');
          return key;
        },
      },
    });
    await expect(rollout.run(pair(), { key: 'bad' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await send(1)).toEqual(['champion']);
    await rollout.close();
  });
});
