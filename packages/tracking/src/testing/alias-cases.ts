import type { ModelRegistry } from '../registry/model-registry';
import { type Bench, bytesOf, evidence, type StoreCase, textOf } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* Aliases: their moves, gates, history, and who follows them. */

/** A registry with versions of one model, one for each accuracy, by one author. */
async function openVersions(bench: Bench, ...accuracies: readonly number[]) {
  const { registry } = await bench.tracker();
  const numbers: string[] = [];
  for (const accuracy of accuracies) {
    const draft = { artifact: bytesOf(`model ${accuracy}`), metrics: { accuracy }, author: 'train.js' };
    numbers.push((await registry.registerVersion(bench.model, draft)).version);
  }
  const [one = '', two = '', three = ''] = numbers;
  return { registry, model: bench.model, one, two, three };
}

async function otherRegistry(bench: Bench): Promise<ModelRegistry> {
  return (await bench.tracker()).registry;
}

export const aliasCases: readonly StoreCase[] = [
  [
    'an alias is set, moved and deleted, and its history says all of it',
    async (bench) => {
      const { registry, model, one, two } = await openVersions(bench, 0.1, 0.2);
      const from = Math.floor(bench.clock.epochMs());
      await registry.setAlias(model, 'champion', one, evidence);
      const data = { psi: 0.2, worst: Number.NaN, list: [1, 'ü'] };
      const other = await otherRegistry(bench);
      const move = await other.setAlias(model, 'champion', two, { actor: 'bob ü', reason: 'better\nby far', data });
      const again = await registry.setAlias(model, 'champion', two, { actor: 'eve', reason: 'again' });
      expectEqual('a move to where it points', again, move);
      await registry.setAlias(model, 'shadow', one, evidence);
      expectEqual('the aliases', (await other.getModel(model)).aliases, { champion: two, shadow: one });
      expectEqual('the version of the alias', (await other.getVersion(`${model}@champion`)).version, two);
      expectEqual('the aliases of the version', (await other.getVersion(`${model}/${two}`)).aliases, ['champion']);
      await other.deleteAlias(model, 'champion', evidence);
      await expectCode('an alias that was deleted', 'NOT_FOUND', () => registry.getVersion(`${model}@champion`));
      await registry.setAlias(model, 'champion', one, evidence);
      const history = await (await otherRegistry(bench)).aliasHistory(model, 'champion');
      expectFields('the history', history, [
        { alias: 'champion', from: null, to: one, evidence },
        { alias: 'champion', from: one, to: two, evidence: { actor: 'bob ü', reason: 'better\nby far', data } },
        { alias: 'champion', from: two, to: null, evidence },
        { alias: 'champion', from: null, to: one, evidence },
      ]);
      const times = history.map(({ at }) => at);
      expectThat(
        times.every((at, i) => at >= (times[i - 1] ?? from)),
        `the moves are in the order of their times: ${times}`,
      );
      expectThat((times.at(-1) ?? 0) <= bench.clock.epochMs(), 'no move is later than now');
      await expectCode('an alias that never was', 'NOT_FOUND', () => registry.aliasHistory(model, 'nobody'));
    },
  ],
  [
    'an alias that is not where it was expected does not move',
    async (bench) => {
      const { registry, model, one, two, three } = await openVersions(bench, 0.1, 0.2, 0.3);
      await registry.setAlias(model, 'champion', one, evidence, { expected: null });
      const other = await otherRegistry(bench);
      for (const expected of [null, two]) {
        await expectCode(`a move that expects ${expected}`, 'CONFLICT', () =>
          other.setAlias(model, 'champion', three, evidence, { expected }),
        );
      }
      await other.setAlias(model, 'champion', two, evidence, { expected: one });
      const tries = [registry, other].map((each, i) =>
        each.setAlias(model, 'champion', i === 0 ? one : three, evidence, { expected: two }),
      );
      const results = await Promise.allSettled(tries);
      expectEqual('two moves from one place at once', results.map(({ status }) => status).sort(), [
        'fulfilled',
        'rejected',
      ]);
      expectEqual('how many moves there were', (await other.aliasHistory(model, 'champion')).length, 3);
    },
  ],
  [
    'a rollback leads to where the alias pointed before, and is kept as one',
    async (bench) => {
      const { registry, model, one, two, three } = await openVersions(bench, 0.1, 0.2, 0.3);
      for (const version of [one, two, three]) await registry.setAlias(model, 'champion', version, evidence);
      const other = await otherRegistry(bench);
      const move = await other.rollback(model, 'champion', { actor: 'ada', reason: 'errors' }, { expected: three });
      expectFields('the rollback', move, {
        from: three,
        to: two,
        rollback: true,
        evidence: { actor: 'ada', reason: 'errors' },
      });
      await expectCode('a rollback from elsewhere', 'CONFLICT', () =>
        registry.rollback(model, 'champion', evidence, { expected: three }),
      );
      expectEqual('the next rollback', (await registry.rollback(model, 'champion', evidence)).to, one);
      await expectCode('a rollback to nowhere', 'NOT_FOUND', () => other.rollback(model, 'champion', evidence));
      const last = (await (await otherRegistry(bench)).aliasHistory(model, 'champion')).slice(-2);
      expectFields('the history', last, [
        { to: two, rollback: true },
        { to: one, rollback: true },
      ]);
    },
  ],
  [
    'gates are kept with an alias, and refuse who does not meet them, whichever tracker asks',
    async (bench) => {
      const { registry, model, one, two, three } = await openVersions(bench, 0.9, 0.5, 0.95);
      await registry.setAlias(model, 'champion', one, evidence);
      const gates = [
        { kind: 'metric', metric: 'accuracy', min: 0.6, minChange: 0 },
        { kind: 'approvals', count: 1 },
        { kind: 'evaluation', dataset: 'mnist' },
      ] as const;
      await registry.setGates(model, 'champion', gates, evidence);
      const other = await otherRegistry(bench);
      expectEqual('the gates', await other.gates(model, 'champion'), gates);
      const error = await expectCode('a promotion of the worse', 'GATE_REFUSED', () =>
        other.promote(model, 'champion', two, evidence),
      );
      const results = error.details.gates as readonly { readonly passed: boolean }[];
      expectEqual(
        'what the gates said',
        results.map(({ passed }) => passed),
        [false, false, false],
      );
      const check = async () => (await other.checkGates(model, 'champion', three)).map(({ passed }) => passed);
      expectEqual('what the gates say to the better', await check(), [true, false, false]);
      await registry.approve(model, three, { actor: 'train.js', reason: 'my own' });
      expectEqual('what they say to the vote of its author', await check(), [true, false, false]);
      await registry.approve(model, three, { actor: 'grace', reason: 'looked at it' });
      await other.recordEvaluation(
        model,
        three,
        { metrics: { acc: 1 }, dataset: { name: 'mnist', digest: 'f'.repeat(64) } },
        evidence,
      );
      const move = await other.promote(model, 'champion', three, evidence, { expected: one });
      expectFields('the move', move, { from: one, to: three });
      const forced = await registry.promote(
        model,
        'champion',
        two,
        { actor: 'ada', reason: 'emergency' },
        { force: true },
      );
      expectFields('a forced move', forced, { to: two, forced: true });
      const history = await (await otherRegistry(bench)).aliasHistory(model, 'champion');
      expectEqual(
        'what each gate said, in the history',
        history.map((kept) => kept.gates?.map(({ passed }) => passed)),
        [undefined, [true, true, true], [false, false, false]],
      );
      expectEqual('whether the last was forced', history.at(-1)?.forced, true);
      await registry.setGates(model, 'champion', [], evidence);
      expectEqual('the gates', await other.gates(model, 'champion'), []);
    },
  ],
  [
    'the audit says everything that happened, in order, with who and why',
    async (bench) => {
      const { registry, model, one, two } = await openVersions(bench, 0.1, 0.2);
      const steps = [
        () => registry.setAlias(model, 'champion', one, evidence),
        () => registry.annotate(model, one, { tags: { a: 'b' } }, evidence),
        () => registry.setGates(model, 'champion', [{ kind: 'metric', metric: 'accuracy', min: 0 }], evidence),
        () => registry.approve(model, two, evidence),
        () => registry.promote(model, 'champion', two, evidence),
        () => registry.recordDeployment(model, two, { target: 'eu' }, evidence),
        () => registry.rollback(model, 'champion', evidence),
        () => registry.deleteAlias(model, 'champion', evidence),
        () => registry.deleteVersion(model, one, evidence),
      ];
      for (const step of steps) await step();
      const audit = await (await otherRegistry(bench)).audit(model);
      expectEqual(
        'the audit',
        audit.map(({ type }) => type),
        ['version', 'version', 'alias', 'annotate', 'gates', 'approve', 'alias', 'deploy', 'alias', 'alias', 'delete'],
      );
      expectFields('who registered', audit[0]?.evidence, { actor: 'train.js', reason: 'registered' });
      for (const change of audit.slice(2)) expectEqual(`the evidence of ${change.type}`, change.evidence, evidence);
    },
  ],
  [
    'a model source loads its version and hears of moves that another tracker makes',
    async (bench) => {
      const { registry, model, one, two } = await openVersions(bench, 0.1, 0.2);
      await registry.setAlias(model, 'champion', one, evidence);
      const source = (await otherRegistry(bench)).model(`${model}@champion`);
      const first = await source.resolve({});
      expectFields(
        'what is loaded',
        { version: first.version, text: textOf(first.bytes) },
        { version: one, text: 'model 0.1' },
      );
      const heard: [version: string, text: string][] = [];
      const watch = source.watch?.((loaded) => void heard.push([loaded.version, textOf(loaded.bytes)]));
      try {
        await registry.setAlias(model, 'champion', two, evidence);
        await bench.until(() => heard.length > 0, 'a move is heard of');
        expectEqual('what is heard', heard, [[two, 'model 0.2']]);
        await registry.rollback(model, 'champion', evidence);
        await bench.until(() => heard.length > 1, 'a rollback is heard of');
        expectEqual('what is heard', heard.at(-1), [one, 'model 0.1']);
      } finally {
        await watch?.close();
      }
    },
  ],
  [
    'an alias control reads, watches and moves, and a stale one is refused',
    async (bench) => {
      const { registry, model, one, two, three } = await openVersions(bench, 0.1, 0.2, 0.3);
      await registry.setAlias(model, 'champion', one, evidence);
      const [mine, theirs] = [registry.alias(model, 'champion'), (await otherRegistry(bench)).alias(model, 'champion')];
      expectEqual('where it points', await theirs.read(), one);
      expectEqual('where it points', await mine.read(), one);
      const heard: string[] = [];
      const watch = theirs.watch((version) => void heard.push(version));
      try {
        await mine.move(two, evidence);
        await bench.until(() => heard.includes(two), 'a move is heard of');
      } finally {
        await watch.close();
      }
      const stale = (await otherRegistry(bench)).alias(model, 'champion');
      await stale.read();
      await mine.move(three, evidence);
      await expectCode('a move by a control that last saw it elsewhere', 'CONFLICT', () => stale.move(one, evidence));
      expectEqual('where it points', await stale.read(), three);
    },
  ],
  [
    'four trackers that register, approve and move at once lose nothing',
    async (bench) => {
      const { registry, model, one } = await openVersions(bench, 0.5);
      const trackers = [registry, await otherRegistry(bench), await otherRegistry(bench), await otherRegistry(bench)];
      const work = trackers.map(async (each, at) => {
        const { version } = await each.registerVersion(model, {
          artifact: bytesOf(`by ${at}`),
          tags: { by: String(at) },
        });
        await each.approve(model, one, { actor: `actor ${at}`, reason: 'mine' });
        await each.setAlias(model, `alias-${at}`, version, evidence);
        await each.setAlias(model, 'shared', version, evidence);
        return version;
      });
      const versions = await Promise.all(work);
      expectEqual('how many numbers were given', new Set([one, ...versions]).size, 5);
      const found = await (await otherRegistry(bench)).getModel(model);
      expectSameElements(
        'the versions',
        found.versions.map(({ version, tags }) => [version, tags.by ?? '']),
        [[one, ''], ...versions.map((version, at) => [version, String(at)])],
      );
      const voters = found.versions.find(({ version }) => version === one)?.approvals.map(({ actor }) => actor) ?? [];
      expectSameElements(
        'who voted',
        voters,
        trackers.map((_, at) => `actor ${at}`),
      );
      for (const [at, version] of versions.entries()) expectEqual(`alias-${at}`, found.aliases[`alias-${at}`], version);
      const moves = await registry.aliasHistory(model, 'shared');
      expectSameElements(
        'where the shared alias went',
        moves.map(({ to }) => to),
        versions,
      );
      for (const [at, { from }] of moves.entries())
        expectEqual(`where move ${at} came from`, from, moves[at - 1]?.to ?? null);
    },
  ],
];
