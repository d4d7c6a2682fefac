import { type ModelSignature, sha256Hex } from '@fairlead/core';
import type { VersionDraft } from '../registry/model-version';
import { bytesOf, evidence, type StoreCase, textOf } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* Versions of models, and all that is written about them. Numbers are a store's own, so no case counts on them. */

const signature = {
  inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
  outputs: [{ name: 'label ü', dtype: 'int64', shape: ['batch'] }],
  batchAxis: 0,
} as const satisfies ModelSignature;

export const versionCases: readonly StoreCase[] = [
  [
    'a version comes back with everything that it was registered with',
    async (bench) => {
      const tracker = await bench.tracker();
      const { model, experiment } = bench;
      const run = await tracker.startRun({ experiment });
      const bytes = bytesOf(`model of ${run.id}`);
      const { digest } = await run.logArtifact('model/digits.onnx', bytes);
      await run.complete();
      const base = await tracker.registry.registerVersion(model, { artifact: bytesOf('base') });
      const draft: VersionDraft = {
        artifact: digest,
        signature,
        metrics: { accuracy: 0.9, ece: Number.NaN, worst: Number.NEGATIVE_INFINITY, zero: -0 },
        tags: { stage: 'test ü', empty: '' },
        description: 'reads digits\n\n“well”',
        run: run.id,
        parents: [`${model}/${base.version}`],
        datasets: [{ name: 'mnist', digest: 'd'.repeat(64), context: 'training' }],
        sidecars: { reference: bytesOf('{"r":1}'), golden: bytesOf('{}'), card: bytesOf('# Card') },
        author: 'train.js',
        reason: 'nightly',
      };
      const version = await tracker.registry.registerVersion(model, draft);
      expectThat(Number(version.version) > Number(base.version), 'a later version has a higher number');
      const { sidecars: _, artifact: _artifact, reason: _reason, parents: _parents, ...said } = draft;
      const expected = {
        name: model,
        digest,
        size: bytes.byteLength,
        ...said,
        parents: [{ name: model, version: base.version }],
      };
      expectFields('what registering answers', version, expected);
      const { registry } = await bench.tracker();
      const found = await registry.getVersion(`${model}/${version.version}`);
      expectEqual('the version', found, version);
      expectFields('what is known of it', found, { evaluations: [], approvals: [], deployments: [], aliases: [] });
      const loaded = await registry.model(`${model}/${version.version}`).resolve({});
      expectEqual('its bytes', textOf(loaded.bytes), textOf(bytes));
      expectFields('what is loaded', loaded, { digest, name: model, version: version.version });
      for (const [name, text] of [
        ['reference', '{"r":1}'],
        ['golden', '{}'],
        ['card', '# Card'],
      ] as const) {
        const sidecar = await loaded.sidecar?.(name);
        expectEqual(`the sidecar ${name}`, sidecar && textOf(sidecar), text);
      }
      const plain = await registry.getVersion(`${model}/${base.version}`);
      expectEqual('the SHA-256 of the first', plain.digest, await sha256Hex(bytesOf('base')));
      const stored = await registry.getModel(model);
      expectEqual('the versions', stored.versions, [plain, found]);
      expectThat(
        (await registry.models()).some(({ name }) => name === model),
        'the model is among all models',
      );
      await expectCode('a digest that is not there', 'NOT_FOUND', () =>
        registry.registerVersion(model, { artifact: 'a'.repeat(64) }),
      );
      const orphan = { artifact: bytesOf('x'), run: bench.newRunId() };
      await expectCode('a run that is not there', 'NOT_FOUND', () => registry.registerVersion(model, orphan));
    },
  ],
  [
    'annotations change tags, description and card, and nothing else',
    async (bench) => {
      const { registry } = await bench.tracker();
      const { model } = bench;
      const draft = {
        artifact: bytesOf('a'),
        tags: { a: '1', b: '2', c: '3' },
        description: 'before',
        metrics: { m: 1 },
      };
      const version = await registry.registerVersion(model, draft);
      await registry.annotate(model, version.version, { tags: { a: 'ü', b: null, d: '' } }, evidence);
      await registry.annotate(model, version.version, { description: 'after', card: '# Later' }, evidence);
      const found = await (await bench.tracker()).registry.getVersion(`${model}/${version.version}`);
      expectEqual('the tags', found.tags, { a: 'ü', c: '3', d: '' });
      expectFields('the version', found, { description: 'after', metrics: { m: 1 }, digest: version.digest });
      const loaded = await registry.model(`${model}/${version.version}`).resolve({});
      const card = await loaded.sidecar?.('card');
      expectEqual('the card', card && textOf(card), '# Later');
      await expectCode('a version that is not there', 'NOT_FOUND', () =>
        registry.annotate(model, '999', { description: 'x' }, evidence),
      );
    },
  ],
  [
    'evaluations, given or taken from a run, and votes are added to what there is',
    async (bench) => {
      const tracker = await bench.tracker();
      const { registry } = tracker;
      const { model, experiment } = bench;
      const { version } = await registry.registerVersion(model, { artifact: bytesOf('a'), author: 'train.js' });
      const dataset = { name: 'test ü', digest: 'e'.repeat(64), context: 'test' };
      await registry.recordEvaluation(model, version, { metrics: { acc: 0.5, ece: Number.NaN }, dataset }, evidence);
      const run = await tracker.startRun({ experiment });
      await run.useModel(`${model}/${version}`);
      await run.logDataset(dataset);
      run.log({ acc: 0.75 });
      await run.complete();
      const other = await bench.tracker();
      await other.registry.recordEvaluation(model, version, { run: run.id }, evidence);
      await registry.approve(model, version, { actor: 'ada', reason: 'good' });
      await registry.approve(model, version, { actor: 'bob', reason: 'bad' }, { approved: false, gate: 'safety' });
      await other.registry.approve(model, version, { actor: 'ada', reason: 'no, bad' }, { approved: false });
      const found = await (await bench.tracker()).registry.getVersion(`${model}/${version}`);
      expectFields('the evaluations', found.evaluations, [
        { metrics: { acc: 0.5, ece: Number.NaN }, dataset },
        { metrics: { acc: 0.75 }, dataset, run: run.id },
      ]);
      expectFields('the votes', found.approvals, [
        { gate: 'approval', actor: 'ada', approved: false, reason: 'no, bad' },
        { gate: 'safety', actor: 'bob', approved: false, reason: 'bad' },
      ]);
    },
  ],
  [
    'deployments say where versions serve and have served',
    async (bench) => {
      const { registry } = await bench.tracker();
      const { model } = bench;
      const register = async (text: string) =>
        (await registry.registerVersion(model, { artifact: bytesOf(text) })).version;
      const [one, two] = [await register('1'), await register('2')];
      await registry.recordDeployment(model, one, { target: 'eu' }, evidence);
      await bench.tick();
      await registry.recordDeployment(model, two, { target: 'eu', beside: true }, evidence);
      await registry.recordDeployment(model, one, { target: 'us' }, evidence);
      await bench.tick();
      await registry.recordDeployment(model, two, { target: 'us' }, evidence);
      await registry.recordDeployment(model, two, { target: 'eu', active: false }, evidence);
      await registry.recordDeployment(model, two, { target: 'eu', active: false }, evidence);
      const other = (await bench.tracker()).registry;
      const deployments = await other.deployments(model);
      expectEqual(
        'the deployments',
        deployments.map(({ target, version, until }) => [target, version, until === undefined]),
        [
          ['eu', one, true],
          ['eu', two, false],
          ['us', one, false],
          ['us', two, true],
        ],
      );
      expectEqual('where the first serves', (await other.getVersion(`${model}/${one}`)).deployments, ['eu']);
      expectEqual('where the second serves', (await other.getVersion(`${model}/${two}`)).deployments, ['us']);
    },
  ],
  [
    'a version is deleted only when nothing uses it, its number is not given again, and the audit keeps it',
    async (bench) => {
      const { registry } = await bench.tracker();
      const { model } = bench;
      const register = async (text: string) =>
        (await registry.registerVersion(model, { artifact: bytesOf(text) })).version;
      const [one, two, three] = [await register('1'), await register('2'), await register('3')];
      await registry.setAlias(model, 'champion', one, evidence);
      await registry.recordDeployment(model, two, { target: 'eu' }, evidence);
      await expectCode('deleting what an alias points at', 'CONFLICT', () =>
        registry.deleteVersion(model, one, evidence),
      );
      await expectCode('deleting what serves', 'CONFLICT', () => registry.deleteVersion(model, two, evidence));
      await registry.deleteVersion(model, three, { actor: 'bob', reason: 'too old' });
      const other = (await bench.tracker()).registry;
      await expectCode('reading what was deleted', 'NOT_FOUND', () => other.getVersion(`${model}/${three}`));
      await expectCode('an alias at what was deleted', 'NOT_FOUND', () =>
        other.setAlias(model, 'next', three, evidence),
      );
      expectEqual(
        'the versions',
        (await other.getModel(model)).versions.map(({ version }) => version),
        [one, two],
      );
      const four = (await other.registerVersion(model, { artifact: bytesOf('4') })).version;
      expectThat(
        Number(four) > Number(three),
        `the next number is higher than that of the deleted ${three}, not ${four}`,
      );
      const deleted = (await registry.audit(model)).filter(({ type }) => type === 'delete');
      expectFields('what the audit says of it', deleted, [
        { version: three, evidence: { actor: 'bob', reason: 'too old' } },
      ]);
    },
  ],
  [
    'models are kept apart, whatever their names',
    async (bench) => {
      const { registry } = await bench.tracker();
      const names = ['', ' größe 語', '.a_b-c'].map((end) => `${bench.model}${end}`);
      for (const name of names) {
        const { version } = await registry.registerVersion(name, { artifact: bytesOf(name) });
        await registry.setAlias(name, 'champion', version, evidence);
      }
      const other = (await bench.tracker()).registry;
      const models = (await other.models()).filter(({ name }) => name.startsWith(bench.model));
      expectSameElements(
        'the models',
        models.map(({ name }) => name),
        names,
      );
      for (const name of names) {
        const { digest } = await other.getVersion(`${name}@champion`);
        expectEqual(`the SHA-256 of ${name}`, digest, await sha256Hex(bytesOf(name)));
      }
      await expectCode('a model that is not there', 'NOT_FOUND', () => other.getModel(`${bench.model} nothing`));
    },
  ],
];
