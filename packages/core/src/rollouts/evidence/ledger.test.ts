import { describe, expect, it } from 'vitest';
import type { ComputedBatch } from '../../runner/runner';
import type { Block, Guardrail } from '../contracts';
import { createEvidenceLedger } from './ledger';
import { mergeTallies } from './tally';

/** A guardrail that remembers the blocks that it was asked for. */
function recorder(): Guardrail & { readonly blocks: Block[] } {
  const blocks: Block[] = [];
  return {
    name: 'recorder',
    harmfulWhen: 'higher',
    margin: 0,
    bounds: [0, 1],
    blocks,
    measure(block) {
      blocks.push(block);
      return block.requests === 0 ? block.rewards?.[0] : block.failedRequests / block.requests;
    },
  };
}

function setUp(extra: { driftOf?: (arm: string) => number } = {}) {
  const guardrail = recorder();
  const harmed: string[] = [];
  const ledger = createEvidenceLedger({
    arms: ['canary'],
    guardrails: [guardrail],
    alpha: 0.05,
    blockMs: 10,
    onHarm: (arm) => void harmed.push(arm),
    ...extra,
  });
  const { canary, champion } = ledger.formers;
  if (canary === undefined || champion === undefined) throw new Error('An arm has no former.');
  return { ledger, canary, champion, guardrail, harmed };
}

const batch = (): readonly ComputedBatch[] => [{ lane: 'inline', reason: 'idle', rows: 3, startedAt: 0, computeMs: 1 }];

describe('the ledger of a process', () => {
  it('takes what shared a batch for one block, and what tells no batch for one a block of time', () => {
    const { ledger, canary, champion, guardrail } = setUp();
    const shared = batch();
    canary.add(false, 0, 4, batch(), undefined);
    for (let row = 0; row < 3; row++) canary.add(false, 0, 5 + row, shared, undefined);
    for (const endedAt of [20, 25, 29, 30]) champion.add(endedAt === 25, 15, endedAt, undefined, undefined);
    ledger.flush(100);
    expect(guardrail.blocks.map(({ arm, requests, failedRequests }) => [arm, requests, failedRequests])).toEqual([
      ['canary', 3, 0],
      ['champion', 3, 1],
    ]);
    expect(ledger.untaken).toMatchObject({ 'canary/requests': 4, 'champion/requests': 4, 'champion/failed': 1 });
  });

  it('compares as many requests of both arms, drawn from the larger block', () => {
    const { ledger, canary, champion, guardrail } = setUp();
    const large = batch();
    for (let row = 0; row < 3; row++) canary.add(row === 0, 0, 1, large, undefined);
    champion.add(false, 0, 2, batch(), undefined);
    ledger.flush(100);
    expect(guardrail.blocks.map(({ arm, requests }) => [arm, requests])).toEqual([
      ['canary', 1],
      ['champion', 1],
    ]);
    expect(ledger.untaken).toMatchObject({ 'canary/requests': 3, 'canary/failed': 1 });
  });

  it('brings blocks of all arms in the order of time', () => {
    const { canary, champion, guardrail } = setUp();
    champion.add(false, 0, 0, batch(), undefined);
    for (let at = 100; at < 150; at += 20) canary.add(true, at, at, batch(), undefined);
    // The control's block ended long before those of the canary, though nothing of the control came since.
    expect(guardrail.blocks.map(({ arm, endedAt }) => [arm, endedAt])).toEqual([
      ['canary', 100],
      ['champion', 0],
    ]);
  });

  it('adds costs and the state of drift to its blocks, and makes rewards pairs of their own', () => {
    const { ledger, canary, champion, guardrail } = setUp({ driftOf: (arm) => (arm === 'canary' ? 0.5 : 0) });
    const shared = batch();
    canary.add(false, 0, 1, shared, 2);
    canary.add(false, 0, 1, shared, 3);
    const sharedByControl = batch();
    champion.add(false, 0, 2, sharedByControl, 0.5);
    champion.add(false, 0, 2, sharedByControl, 0.5);
    ledger.addReward('canary', 0.25, 3);
    ledger.addReward('stranger', 1, 3);
    ledger.addReward('champion', 0.75, 4);
    ledger.flush(100);
    expect(guardrail.blocks.filter(({ requests }) => requests > 0)).toMatchObject([
      { arm: 'canary', cost: 5, driftState: 0.5 },
      { arm: 'champion', cost: 1, driftState: 0 },
    ]);
    expect(guardrail.blocks.filter(({ requests }) => requests === 0)).toMatchObject([
      { arm: 'canary', rewards: [0.25] },
      { arm: 'champion', rewards: [0.75] },
    ]);
  });

  it('comes to the same by parts that were taken as by the whole', () => {
    const [parted, whole] = [setUp(), setUp()];
    let sum = {};
    for (let at = 0; at < 400; at += 20) {
      for (const { canary, champion } of [parted, whole]) {
        canary.add(at % 3 === 0, at, at, undefined, undefined);
        champion.add(at % 7 === 0, at, at + 11, undefined, undefined);
      }
      if (at % 100 === 0) {
        sum = mergeTallies(sum, parted.ledger.take() ?? {});
        parted.ledger.setKnown(sum);
      }
    }
    const found = parted.ledger.assess(mergeTallies(sum, parted.ledger.untaken), ['canary']).arms.canary;
    const expected = whole.ledger.assess(whole.ledger.untaken, ['canary']).arms.canary;
    expect(found?.requests).toBe(expected?.requests);
    expect(found?.guardrails[0]?.blocks).toBe(expected?.guardrails[0]?.blocks);
    expect(found?.guardrails[0]?.harm.eValue).toBeCloseTo(expected?.guardrails[0]?.harm.eValue as number, 9);
  });

  it('tells at once when an arm harms, and goes on from what others found', () => {
    const { ledger, canary, champion, harmed } = setUp();
    for (let at = 0; harmed.length === 0 && at < 10_000; at += 20) {
      canary.add(true, at, at, undefined, undefined);
      champion.add(false, at, at + 11, undefined, undefined);
    }
    expect(harmed).toEqual(['canary']);
    expect(ledger.assess(ledger.untaken, ['canary']).arms.canary?.verdict).toBe('harm');
  });

  it('offers one pair of a window, with a whole window between any two, and counts what the store took', () => {
    const state: Guardrail = {
      name: 'state',
      harmfulWhen: 'higher',
      margin: 0.1,
      bounds: [0, 1],
      windowMs: 1000,
      measure: ({ failedRequests }) => failedRequests,
    };
    const ledger = createEvidenceLedger({
      arms: ['canary'],
      guardrails: [state],
      alpha: 0.05,
      blockMs: 10,
      toEpochMs: (now) => now + 15_000,
    });
    const { canary, champion } = ledger.formers;
    // Windows of a second begin every second and a half, ten of them before.
    for (let at = 0; at < 4500; at += 100) {
      canary?.add(true, at, at, undefined, undefined);
      champion?.add(false, at, at + 20, undefined, undefined);
    }
    ledger.flush(10_000);
    expect(ledger.windows.map(({ sequence, tally }) => [sequence, tally['canary/state/blocks']])).toEqual([
      [11, 1],
      [12, 1],
      [13, 1],
    ]);
    expect(new Set(ledger.windows.map(({ name }) => name)).size).toBe(1);
    // Nothing of it is this process's own to add.
    expect(Object.keys(ledger.take() ?? {})).not.toContain('canary/state/blocks');
    const [first, second] = ledger.windows;
    if (first === undefined || second === undefined) throw new Error('There are no windows.');
    ledger.dropWindow(first);
    expect(ledger.windows).toHaveLength(2);
    const sum = mergeTallies(first.tally, second.tally);
    const [found] = ledger.assess(sum, ['canary']).arms.canary?.guardrails ?? [];
    expect(found).toMatchObject({ blocks: 2, estimate: { difference: 1 } });
  });

  it('promotes on as much evidence as it is asked for', () => {
    const verdictAt = (maxFalsePromotionRate: number) => {
      const guardrail = { ...recorder(), margin: 0.5 };
      const ledger = createEvidenceLedger({
        arms: ['canary'],
        guardrails: [guardrail],
        alpha: 0.05,
        blockMs: 10,
        maxFalsePromotionRate,
      });
      let pairs = 0;
      for (let at = 0; at < 20_000; at += 20) {
        ledger.formers.canary?.add(false, at, at, undefined, undefined);
        ledger.formers.champion?.add(false, at, at + 11, undefined, undefined);
        const found = ledger.assess(ledger.untaken, ['canary']).arms.canary;
        if (found?.verdict !== 'non-inferior') continue;
        pairs = found.guardrails[0]?.blocks ?? 0;
        expect(found.guardrails[0]?.nonInferiority.eValue).toBeGreaterThanOrEqual(1 / maxFalsePromotionRate);
        break;
      }
      return pairs;
    };
    expect(verdictAt(0.05)).toBeGreaterThan(0);
    expect(verdictAt(0.001)).toBeGreaterThan(verdictAt(0.05));
  });

  it('has nothing to give where nothing came', () => {
    const { ledger } = setUp();
    expect(ledger.take()).toBeUndefined();
    expect(ledger.assess({}, ['canary']).arms.canary).toMatchObject({ requests: 0, verdict: 'inconclusive' });
  });
});
