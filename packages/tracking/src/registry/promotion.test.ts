import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { nodeFiles } from '../files/node-files';
import { openTracker } from '../open-tracker';
import type { RegistryStore } from '../store/registry-store';
import type { TrackerEventMap } from '../tracker';
import type { ModelRegistry } from './model-registry';
import { evidence, open, openVersions } from './registry-kit.fixture';

describe('a promotion', () => {
  test('keeps what every gate said, whoever reads it', async () => {
    const { dir, tracker, registry, clock } = await openVersions(0.9, 0.95);
    await registry.setAlias('digits', 'champion', '1', evidence);
    const moves: unknown[] = [];
    tracker.events.on('alias-move', (move) => moves.push(move));
    const move = await registry.promote('digits', 'champion', '2', evidence, {
      expected: '1',
      gates: [
        { kind: 'metric', metric: 'accuracy', min: 0.9, minChange: 0.01 },
        { kind: 'check', name: 'latency', check: async () => ({ passed: true, found: '3 ms' }) },
      ],
    });
    expect(move).toEqual({
      alias: 'champion',
      from: '1',
      to: '2',
      evidence,
      at: clock.epochMs(),
      gates: [
        {
          gate: 'metric accuracy',
          passed: true,
          expected: 'at least 0.9 and a change of at least 0.01',
          found: '0.95, and version 1 has 0.9',
        },
        { gate: 'check latency', passed: true, expected: 'that it passes', found: '3 ms' },
      ],
    });
    expect(moves).toEqual([{ name: 'digits', ...move }]);
    const other = await open(dir);
    expect((await other.registry.aliasHistory('digits', 'champion')).at(-1)).toEqual(move);
  });

  test('that gates refuse fails with all that they asked for and found, and moves nothing', async () => {
    const { tracker, registry } = await openVersions(0.9, 0.5);
    await registry.setAlias('digits', 'champion', '1', evidence);
    const refusals: TrackerEventMap['promotion-refuse'][] = [];
    tracker.events.on('promotion-refuse', (refusal) => refusals.push(refusal));
    const error: unknown = await registry
      .promote('digits', 'champion', '2', evidence, {
        gates: [
          { kind: 'metric', metric: 'accuracy', minChange: 0 },
          { kind: 'evaluation', dataset: 'mnist' },
          { kind: 'metric', metric: 'accuracy', min: 0.1 },
          { kind: 'approvals', count: 2 },
          {
            kind: 'check',
            name: 'latency',
            expected: 'under 5 ms',
            check: () => {
              throw new Error('no bench');
            },
          },
        ],
      })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'GATE_REFUSED',
      message:
        'Version 2 of "digits" cannot become digits@champion, because 4 gates refuse. ' +
        'metric accuracy: expected a change of at least 0, found 0.5, and version 1 has 0.9. ' +
        'evaluation on mnist: expected an evaluation on mnist, found version 2 has none. ' +
        'approvals approval: expected 2 approvals and no refusal, found no approval. ' +
        'check latency: expected under 5 ms, found it threw: no bench.',
      details: { field: 'version', given: '2' },
    });
    const gates = (error as { details: { gates: { passed: boolean }[] } }).details.gates;
    expect(gates.map((gate) => gate.passed)).toEqual([false, false, true, false, false]);
    expect(refusals).toMatchObject([{ name: 'digits', alias: 'champion', version: '2', evidence, gates }]);
    expect(await registry.aliasHistory('digits', 'champion')).toHaveLength(1);
  });

  test('can be forced, and the history says so', async () => {
    const { registry } = await openVersions(0.9, 0.5);
    await registry.setAlias('digits', 'champion', '1', evidence);
    const gates = [{ kind: 'metric', metric: 'accuracy', minChange: 0 }] as const;
    const move = await registry.promote('digits', 'champion', '2', evidence, { gates, force: true });
    expect(move).toMatchObject({ to: '2', forced: true, gates: [{ passed: false }] });
    // Not where nothing refused.
    const back = await registry.promote('digits', 'champion', '1', evidence, { gates, force: true });
    expect(back.forced).toBeUndefined();
  });

  test('gives a check both versions, the first time one alone, and takes only true for a yes', async () => {
    const { registry } = await openVersions(0.9, 0.95, 0.96);
    const check = vi.fn<(candidate: { version: string }, current?: { version: string }) => boolean>(() => true);
    const gates = [{ kind: 'check', name: 'mine', check }] as const;
    await registry.promote('digits', 'champion', '1', evidence, { gates });
    await registry.promote('digits', 'champion', '2', evidence, { gates });
    expect(check.mock.calls.map(([candidate, current]) => [candidate.version, current?.version])).toEqual([
      ['1', undefined],
      ['2', '1'],
    ]);
    for (const answer of [undefined, null, 1, 'yes', {}, { passed: 'yes' }]) {
      const vague = { kind: 'check', name: 'vague', check: () => answer as never } as const;
      await expect(registry.promote('digits', 'champion', '3', evidence, { gates: [vague] })).rejects.toMatchObject({
        code: 'GATE_REFUSED',
      });
    }
    const abort = new AbortController();
    const aborting = {
      kind: 'check',
      name: 'aborting',
      check: async () => {
        abort.abort();
        throw new Error('stopped');
      },
    } as const;
    const options = { gates: [aborting], signal: abort.signal };
    await expect(registry.promote('digits', 'champion', '3', evidence, options)).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  test('asks again when what its gates looked at changed meanwhile', async () => {
    const { registry } = await openVersions(0.9, 0.95, 0.93);
    await registry.setAlias('digits', 'champion', '1', evidence);
    let asked = 0;
    const check = async (): Promise<boolean> => {
      asked++;
      // Somebody else is faster, once; what happens to other versions and aliases is none of its business.
      if (asked === 1) await registry.setAlias('digits', 'champion', '2', evidence);
      await registry.annotate('digits', '1', { tags: { asked: String(asked) } }, evidence);
      await registry.setAlias('digits', 'other', '1', evidence);
      return true;
    };
    const gates = [
      { kind: 'check', name: 'slow', check },
      { kind: 'metric', metric: 'accuracy', minChange: 0 },
    ] as const;
    const promoting = registry.promote('digits', 'champion', '3', evidence, { gates });
    await expect(promoting).rejects.toMatchObject({
      code: 'GATE_REFUSED',
      message: expect.stringContaining('0.93, and version 2 has 0.95'),
    });
    expect(asked).toBe(2);
  });

  test('of which the approval is taken back at the last moment does not go through', async () => {
    const { registry } = await openVersions(0.9);
    await registry.approve('digits', '1', { actor: 'grace', reason: 'read it' });
    let asked = 0;
    const check = async (): Promise<boolean> => {
      asked++;
      if (asked === 1) await registry.approve('digits', '1', { actor: 'grace', reason: 'no!' }, { approved: false });
      return true;
    };
    const gates = [
      { kind: 'approvals', count: 1 },
      { kind: 'check', name: 'slow', check },
    ] as const;
    await expect(registry.promote('digits', 'champion', '1', evidence, { gates })).rejects.toMatchObject({
      code: 'GATE_REFUSED',
      message: expect.stringContaining('refused by grace'),
    });
    await expect(registry.getVersion('digits@champion')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('gives up when the alias never stands still', async () => {
    const { dir, clock } = await openVersions(0.9, 0.95);
    const store = await openEmbeddedStore({
      files: nodeFiles,
      dir,
      clock,
      pollMs: 1000,
      maxBufferedBytes: 65_536,
      overflow: 'write',
    });
    let to = 1;
    const restless: RegistryStore = {
      ...store.registry,
      commit: async (name, decide, call) => {
        to = 3 - to;
        const change = { type: 'gates', alias: 'champion', gates: [], evidence, at: to } as const;
        await store.registry.commit(name, () => change, call);
        return store.registry.commit(name, decide, call);
      },
    };
    const tracker = await openTracker({ store: { ...store, registry: restless }, clock });
    onTestFinished(() => tracker.close());
    await expect(tracker.registry.setAlias('digits', 'champion', '1', evidence)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('Try again'),
    });
  });
});

describe('gates that are kept with an alias', () => {
  const gates = [
    { kind: 'metric', metric: 'accuracy', min: 0.9 },
    { kind: 'approvals', count: 1, actors: ['grace', 'alan'] },
  ] as const;

  test('stand in the way of everybody, until they are met or taken away', async () => {
    const { dir, registry, tracker } = await openVersions(0.95, 0.5);
    const told: unknown[] = [];
    tracker.events.on('gates-set', (event) => told.push(event.gates));
    await registry.setGates('digits', 'champion', gates, evidence);
    expect(told).toEqual([gates]);
    const other = await open(dir);
    expect(await other.registry.gates('digits', 'champion')).toEqual(gates);
    expect(await registry.gates('digits', 'other')).toEqual([]);
    const refused = { code: 'GATE_REFUSED', message: expect.stringContaining('approvals approval') };
    await expect(registry.setAlias('digits', 'champion', '1', evidence)).rejects.toMatchObject(refused);
    await expect(other.registry.alias('digits', 'champion').move('1', evidence)).rejects.toMatchObject(refused);
    await expect(registry.promote('digits', 'champion', '1', evidence)).rejects.toMatchObject(refused);
    expect((await registry.checkGates('digits', 'champion', '1')).map((gate) => gate.passed)).toEqual([true, false]);
    await registry.approve('digits', '1', { actor: 'Alan', reason: 'read the card' });
    expect((await registry.checkGates('digits', 'champion', '1')).map((gate) => gate.passed)).toEqual([true, true]);
    expect((await registry.setAlias('digits', 'champion', '1', evidence)).gates).toHaveLength(2);
    await registry.setAlias('digits', 'other', '2', evidence); // has no gates
    await expect(registry.setAlias('digits', 'champion', '2', evidence)).rejects.toMatchObject({
      code: 'GATE_REFUSED',
    });
    await registry.setGates('digits', 'champion', [], evidence);
    await registry.setAlias('digits', 'champion', '2', evidence);
    expect((await registry.audit('digits')).filter((change) => change.type === 'gates')).toHaveLength(2);
  });

  test('do not close the way back', async () => {
    const { registry } = await openVersions(0.5, 0.95);
    await registry.setAlias('digits', 'champion', '1', evidence);
    await registry.setGates('digits', 'champion', [{ kind: 'metric', metric: 'accuracy', minChange: 0 }], evidence);
    const control = registry.alias('digits', 'champion');
    await control.read();
    await control.move('2', evidence);
    await expect(registry.setAlias('digits', 'champion', '1', evidence)).rejects.toMatchObject({
      code: 'GATE_REFUSED',
    });
    await control.move('1', evidence);
    expect((await registry.aliasHistory('digits', 'champion')).at(-1)).toMatchObject({ to: '1', rollback: true });
    await control.move('2', evidence);
    await registry.rollback('digits', 'champion', evidence);
    expect((await registry.getModel('digits')).aliases).toEqual({ champion: '1' });
  });

  test('are kept as they were given', async () => {
    const { registry } = await openVersions(0.5);
    const mine = [{ kind: 'metric' as const, metric: 'accuracy', min: 0.9 }];
    await registry.setGates('digits', 'champion', mine, evidence);
    mine.pop();
    expect(await registry.gates('digits', 'champion')).toHaveLength(1);
  });

  test.each<[field: string, gate: unknown]>([
    ['gates', 'metric'],
    ['gates[0].kind', {}],
    ['gates[0].kind', null],
    ['gates[0].kind', { kind: 'constructor' }],
    ['gates[0].kind', { kind: 'check', name: 'mine', check: () => true }],
    ['gates[0]', { kind: 'metric', metric: 'accuracy' }],
    ['min', { kind: 'metric', metric: 'accuracy', min: Number.NaN }],
    ['min', { kind: 'metric', metric: 'accuracy', min: '0.9' }],
    ['gates[0].min', { kind: 'metric', metric: 'accuracy', min: 1, max: 0 }],
    ['gates[0].minRatio', { kind: 'metric', metric: 'accuracy', minRatio: 2, maxRatio: 1 }],
    ['metric name', { kind: 'metric', metric: 'a?', min: 0 }],
    ['metric name', { kind: 'evaluation', metrics: [''] }],
    ['minimum', { kind: 'metric', metric: 'accuracy', minimum: 0.9 }],
    ['count', { kind: 'approvals', count: 0 }],
    ['count', { kind: 'approvals', count: 1.5 }],
    ['actors', { kind: 'approvals', count: 1, actors: [] }],
    ['gates[0].count', { kind: 'approvals', count: 2, actors: ['ada'] }],
  ])('are refused with a bad %s: %j', async (field, gate) => {
    const { registry } = await openVersions(0.5);
    const error: unknown = await registry
      .setGates('digits', 'champion', (field === 'gates' ? gate : [gate]) as never, evidence)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^INVALID_(ARGUMENT|OPTION)$/), details: { field } });
    expect(await registry.gates('digits', 'champion')).toEqual([]);
  });

  test.each<[string, (registry: ModelRegistry) => Promise<unknown>]>([
    ['gates[0].kind', (registry) => registry.promote('digits', 'a', '1', evidence, { gates: [{} as never] })],
    [
      'check',
      (registry) => registry.promote('digits', 'a', '1', evidence, { gates: [{ kind: 'check', name: 'x' } as never] }),
    ],
    ['forced', (registry) => registry.promote('digits', 'a', '1', evidence, { forced: true } as never)],
    ['force', (registry) => registry.promote('digits', 'a', '1', evidence, { force: 'yes' } as never)],
    ['force', (registry) => registry.setAlias('digits', 'a', '1', evidence, { force: true } as never)],
    ['expected', (registry) => registry.setAlias('digits', 'a', '1', evidence, { expected: 1 } as never)],
  ])('a bad %s is refused in an option (%#)', async (field, use) => {
    const { registry } = await openVersions(0.5);
    await expect(use(registry)).rejects.toMatchObject({ details: { field } });
    expect((await registry.getModel('digits')).aliases).toEqual({});
  });
});
