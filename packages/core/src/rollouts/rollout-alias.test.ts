import { describe, expect, it } from 'vitest';
import { closeable } from '../lifecycle';
import type { AliasControl, Evidence } from '../model-source';
import { type ScriptedRunner, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { errorsGuardrail } from './evidence/guardrails';
import { setUpRollout } from './rollout.fixture';
import { createMemoryRolloutStore } from './store/memory-rollout-store';
import { canary } from './strategies/canary';

interface Alias extends AliasControl {
  version: string;
  isDown: boolean;
  readonly moves: { readonly version: string; readonly evidence: Evidence }[];
  /** Moves it as somebody else does. */
  moveByHand(version: string): void;
}

function aliasAt(start: string): Alias {
  const watchers = new Set<(version: string) => void>();
  const alias: Alias = {
    version: start,
    isDown: false,
    moves: [],
    moveByHand(version) {
      alias.version = version;
      for (const onChange of [...watchers]) onChange(version);
    },
    async read() {
      if (alias.isDown) throw new Error('The registry is down.');
      return alias.version;
    },
    watch(onChange) {
      watchers.add(onChange);
      return closeable(() => void watchers.delete(onChange));
    },
    async move(version, evidence) {
      alias.moves.push({ version, evidence });
      alias.moveByHand(version);
    },
  };
  return alias;
}

describe('an alias', () => {
  it('moves to the version that was promoted, with the evidence', async () => {
    const alias = aliasAt('1');
    const { rollout, send } = await setUpRollout({ alias, guardrails: [errorsGuardrail({ margin: 0.2 })] });
    await send(300);
    await send(600);
    expect(rollout.describe().status).toBe('promoted');
    expect(alias.moves).toMatchObject([
      {
        version: '2',
        evidence: {
          actor: 'rollout digits (strategy)',
          data: { rollout: 'digits', to: 'promoted', evidence: { arms: { canary: { verdict: 'non-inferior' } } } },
        },
      },
    ]);
    expect(JSON.parse(JSON.stringify(alias.moves))).toEqual(alias.moves);
    await rollout.rollback({ actor: 'Ada', reason: 'Too slow.' });
    await send(1);
    expect(alias.moves[1]).toMatchObject({
      version: '1',
      evidence: { actor: 'rollout digits (Ada)', reason: 'Too slow.' },
    });
    await rollout.close();
  });

  it('that somebody moves to the challenger starts the rollout, and goes back with it', async () => {
    const alias = aliasAt('1');
    const { rollout, clock } = await setUpRollout({ alias, autoStart: false });
    alias.moveByHand('2');
    await clock.advance(10);
    expect(rollout.describe()).toMatchObject({ status: 'running', weights: { canary: 0.1 } });
    expect(rollout.describe().history.at(-1)?.actor).toBe('alias');
    await rollout.rollback({ reason: 'No.' });
    await clock.advance(10);
    expect(alias.version).toBe('1');
    await rollout.close();
  });

  it('that somebody moves to the champion aborts what runs, and rolls back what was promoted', async () => {
    const alias = aliasAt('1');
    const { rollout, clock } = await setUpRollout({ alias });
    alias.moveByHand('1');
    await clock.advance(10);
    expect(rollout.describe().status).toBe('aborted');
    await rollout.start();
    await rollout.promote();
    await clock.advance(10);
    expect(alias.version).toBe('2');
    alias.moveByHand('1');
    await clock.advance(10);
    expect(rollout.describe().status).toBe('rolled-back');
    await rollout.close();
  });

  it('that somebody moves is followed by the first of several replicas, and the others have nothing to complain of', async () => {
    const alias = aliasAt('1');
    const store = createMemoryRolloutStore();
    const clock = createVirtualClock();
    const options = { alias, store, autoStart: false };
    const replicas = [await setUpRollout(options, {}, clock), await setUpRollout(options, {}, clock)];
    alias.moveByHand('2');
    await clock.advance(2000);
    expect(replicas.map(({ rollout }) => rollout.describe().status)).toEqual(['running', 'running']);
    alias.moveByHand('1');
    await clock.advance(2000);
    expect(replicas.map(({ rollout }) => rollout.describe().status)).toEqual(['aborted', 'aborted']);
    expect(replicas.flatMap(({ told }) => told('alias-fail'))).toEqual([]);
    expect(replicas[0]?.rollout.describe().history).toHaveLength(2);
    for (const { rollout } of replicas) await rollout.close();
  });

  it('that somebody moves to a version that is not loaded loads it', async () => {
    const alias = aliasAt('1');
    const clock = createVirtualClock();
    const made: ScriptedRunner[] = [];
    const load = () => {
      const runner = scriptedRunner(clock, undefined, alias.version);
      made.push(runner);
      return runner;
    };
    const { rollout, send, told } = await setUpRollout(
      { alias, autoStart: false, coolDownMs: 0, challengers: { canary: load } },
      {},
      clock,
    );
    for (const version of ['2', '3']) {
      alias.moveByHand(version);
      await clock.advance(10);
      expect(rollout.describe()).toMatchObject({ status: 'running' });
      await rollout.promote();
      await send(1);
      expect(rollout.model.version).toBe(version);
      await rollout.rollback();
      await clock.advance(10);
    }
    expect(made.map(({ closed }) => closed)).toEqual([true, false]);
    expect(told('alias-fail')).toEqual([]);
    await rollout.close();
  });

  it('that somebody moves to a version that there is not starts nothing, and says so', async () => {
    const alias = aliasAt('1');
    const { rollout, clock, told } = await setUpRollout({ alias, autoStart: false });
    alias.moveByHand('7');
    await clock.advance(10);
    expect(told('alias-fail')).toMatchObject([{ error: { code: 'NOT_FOUND', details: { given: '7' } } }]);
    expect(rollout.describe().status).toBe('idle');
    await rollout.close();
  });

  it('that the champion itself follows goes back to the version that the champion was', async () => {
    const alias = aliasAt('1');
    const clock = createVirtualClock();
    const champion = scriptedRunner(clock, undefined, '1');
    const following = {
      ...champion,
      get model() {
        return { ...champion.model, version: alias.version };
      },
    };
    const { rollout } = await setUpRollout({ alias, champion: following }, {}, clock);
    await rollout.promote();
    await clock.advance(10);
    expect(alias.version).toBe('2');
    await rollout.rollback();
    await clock.advance(10);
    expect(alias.version).toBe('1');
    await rollout.close();
  });

  it('that cannot be moved is said aloud and moved later', async () => {
    const alias = aliasAt('1');
    const { rollout, clock, told } = await setUpRollout({ alias, strategy: canary() });
    alias.isDown = true;
    await rollout.promote();
    await clock.advance(10);
    expect(told('alias-fail')).toHaveLength(1);
    expect(alias.version).toBe('1');
    alias.isDown = false;
    await clock.advance(1000);
    expect(alias.version).toBe('2');
    await rollout.close();
  });
});
