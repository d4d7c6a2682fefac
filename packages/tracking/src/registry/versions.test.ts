import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FairleadError, sha256Hex } from '@fairlead/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from '../embedded/embedded-store';
import type { Files } from '../files/files';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { RunEvent } from '../store/run-store';
import type { ModelRegistry } from './model-registry';
import { bytesOf, evidence, open, openVersions } from './registry-kit.fixture';

const missing = (message: string) => ({ code: 'NOT_FOUND', message: expect.stringContaining(message) });

/** A store in which a run lies with these events. */
async function openWithRun(...events: readonly RunEvent[]) {
  const { dir, clock } = await openVersions(0.9);
  const options = { files: nodeFiles, dir, clock, pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
  const store = await openEmbeddedStore(options);
  const id = 'a'.repeat(32);
  const writer = await store.runs.create({ type: 'start', at: 1, id, experiment: 'e', name: 'n', leaseUntil: 9 });
  for (const event of events) writer.append(event);
  const [keyIds, steps, values] = [Uint16Array.of(0), Float64Array.of(1), Float64Array.of(0.8)];
  writer.appendPoints({ count: 1, keys: ['accuracy'], keyIds, steps, timestamps: steps, values });
  await writer.flush('disk');
  await writer.close();
  const tracker = await openTracker({ store, clock });
  onTestFinished(() => tracker.close());
  return { id, registry: tracker.registry };
}

describe('a version', () => {
  test('keeps its author, its parents and its data, found through any tracker', async () => {
    const { dir, registry } = await openVersions(0.9);
    await registry.setAlias('digits', 'champion', '1', evidence);
    await registry.registerVersion('base', { artifact: bytesOf('base') });
    const datasets = [{ name: 'mnist', digest: 'b'.repeat(64), context: 'training' }];
    const made = await registry.registerVersion('digits', {
      artifact: bytesOf('tuned'),
      parents: ['digits@champion', 'base/1'],
      datasets,
      author: 'ada',
      reason: 'fine-tuned',
      description: 'Reads digits.',
    });
    expect(made).toMatchObject({
      author: 'ada',
      description: 'Reads digits.',
      datasets,
      evaluations: [],
      approvals: [],
      deployments: [],
      parents: [
        { name: 'digits', version: '1' },
        { name: 'base', version: '1' },
      ],
    });
    const other = await open(dir);
    expect(await other.registry.getVersion('digits/2')).toEqual(made);
    expect((await registry.audit('digits')).at(-1)).toMatchObject({
      type: 'version',
      evidence: { actor: 'ada', reason: 'fine-tuned' },
    });
    // The alias moves on; the parent is the version that it pointed to.
    await registry.setAlias('digits', 'champion', '2', evidence);
    expect((await registry.getVersion('digits/2')).parents[0]).toEqual({ name: 'digits', version: '1' });
    const draft = (parent: string) => ({ artifact: bytesOf('x'), parents: [parent] });
    await expect(registry.registerVersion('digits', draft('digits/7'))).rejects.toMatchObject(missing('"1", "2"'));
    await expect(registry.registerVersion('digits', draft('digits'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('is annotated: tags, description and card change, what it is made of does not', async () => {
    const { dir, tracker, registry } = await openVersions(0.9);
    const told: string[] = [];
    tracker.events.on('version-annotate', (version) => told.push(version.version));
    const before = await registry.getVersion('digits/1');
    await registry.annotate('digits', '1', { tags: { a: '1', b: '2' } }, evidence);
    const card = '# Digits\n';
    const tags = { a: null, c: '3' };
    const annotated = await registry.annotate('digits', '1', { tags, description: 'New.', card }, evidence);
    const sidecars = { card: { digest: await sha256Hex(bytesOf(card)), size: 9 } };
    expect(annotated).toEqual({ ...before, tags: { b: '2', c: '3' }, description: 'New.', sidecars });
    expect(told).toEqual(['1', '1']);
    const model = await (await open(dir)).registry.model('digits/1').resolve({});
    expect(await model.sidecar('card')).toEqual(bytesOf(card));
    expect((await registry.audit('digits')).slice(1)).toMatchObject([
      { type: 'annotate', version: '1', tags: { a: '1', b: '2' }, evidence },
      { type: 'annotate', version: '1', tags, description: 'New.', card: sidecars.card },
    ]);
  });

  test('takes evaluations, given or from the run that measured them', async () => {
    const { tracker, registry, clock } = await openVersions(0.9);
    const told: string[] = [];
    tracker.events.on('version-evaluate', (version) => told.push(version.version));
    const dataset = { name: 'mnist', digest: 'c'.repeat(64) };
    await registry.recordEvaluation('digits', '1', { metrics: { accuracy: Number.NaN }, dataset }, evidence);
    // What a live run has logged counts, though it still waits in memory.
    const run = await tracker.startRun();
    run.log({ accuracy: 0.7 }, { step: 1 });
    run.log({ accuracy: 0.8, loss: 2 }, { step: 2 });
    const { evaluations } = await registry.recordEvaluation('digits', '1', { run: run.id, dataset }, evidence);
    const at = clock.epochMs();
    expect(evaluations).toEqual([
      { metrics: { accuracy: Number.NaN }, dataset, at },
      { metrics: { accuracy: 0.8, loss: 2 }, dataset, run: run.id, at },
    ]);
    expect(told).toEqual(['1', '1']);
    const silent = await tracker.startRun();
    await expect(registry.recordEvaluation('digits', '1', { run: silent.id }, evidence)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'metrics' },
    });
    const nowhere = { run: 'f'.repeat(32) };
    await expect(registry.recordEvaluation('digits', '1', nowhere, evidence)).rejects.toMatchObject(missing('No run'));
  });

  test('is evaluated on the one input of the run, and by no run that used another model', async () => {
    const dataset = { name: 'mnist', digest: 'd'.repeat(64), context: 'test' };
    const input = { type: 'input', at: 2, dataset: { ...dataset, rows: 10 } } as const;
    const use = (version: string) => ({ type: 'use', at: 2, model: { name: 'digits', version } }) as const;
    const one = await openWithRun(input, use('1'));
    const evaluated = await one.registry.recordEvaluation('digits', '1', { run: one.id }, evidence);
    expect(evaluated.evaluations).toMatchObject([{ metrics: { accuracy: 0.8 }, dataset, run: one.id }]);
    const other = await openWithRun(input, use('2'));
    await expect(other.registry.recordEvaluation('digits', '1', { run: other.id }, evidence)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('used digits/2'),
    });
    const two = await openWithRun(input, { ...input, dataset: { ...dataset, name: 'cifar' } });
    const vague = await two.registry.recordEvaluation('digits', '1', { run: two.id }, evidence);
    expect(vague.evaluations[0]?.dataset).toBeUndefined();
  });

  test('shows the latest vote of everybody', async () => {
    const { tracker, registry, clock } = await openVersions(0.9);
    const told: number[] = [];
    tracker.events.on('version-approve', (version) => told.push(version.approvals.length));
    await registry.approve('digits', '1', { actor: 'ada', reason: 'fine' });
    await registry.approve('digits', '1', { actor: 'alan', reason: 'fine' }, { gate: 'safety' });
    const { approvals } = await registry.approve(
      'digits',
      '1',
      { actor: 'Ada', reason: 'not so fine' },
      { approved: false },
    );
    expect(approvals).toEqual([
      { gate: 'approval', actor: 'Ada', approved: false, reason: 'not so fine', at: clock.epochMs() },
      { gate: 'safety', actor: 'alan', approved: true, reason: 'fine', at: clock.epochMs() },
    ]);
    expect(told).toEqual([1, 2, 2]);
  });

  test('is deleted only when nothing uses it; its number and its history stay', async () => {
    const { dir, tracker, registry, clock } = await openVersions(0.9, 0.95);
    const told: unknown[] = [];
    tracker.events.on('version-delete', (event) => told.push(event));
    await registry.setAlias('digits', 'champion', '1', evidence);
    await registry.setAlias('digits', 'shadow', '1', evidence);
    await registry.recordDeployment('digits', '1', { target: 'eu' }, evidence);
    await expect(registry.deleteVersion('digits', '1', evidence)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('the alias champion, shadow points at it, and it serves at eu'),
      details: { aliases: ['champion', 'shadow'], targets: ['eu'] },
    });
    await registry.setAlias('digits', 'champion', '2', evidence);
    await registry.deleteAlias('digits', 'shadow', evidence);
    await registry.recordDeployment('digits', '1', { target: 'eu', active: false }, evidence);
    expect(told).toEqual([]);
    await registry.deleteVersion('digits', '1', evidence);
    expect(told).toEqual([{ name: 'digits', version: '1', evidence, at: clock.epochMs() }]);
    for (const { registry: reader } of [tracker, await open(dir)]) {
      const model = await reader.getModel('digits');
      expect(model.versions.map((version) => version.version)).toEqual(['2']);
      await expect(reader.getVersion('digits/1')).rejects.toMatchObject(missing('it was deleted'));
      await expect(reader.model('digits/1').resolve({})).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(reader.setAlias('digits', 'champion', '1', evidence)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(reader.deleteVersion('digits', '1', evidence)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(reader.annotate('digits', '1', { tags: {}, description: '' }, evidence)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    }
    expect((await registry.registerVersion('digits', { artifact: bytesOf('x') })).version).toBe('3');
    // Its bytes are for the garbage collection to remove.
    expect(await readFile(join(dir, 'artifacts', await sha256Hex(bytesOf('model 0'))), 'utf8')).toBe('model 0');
    expect((await registry.audit('digits')).filter((change) => change.type === 'delete')).toMatchObject([
      { version: '1', evidence },
    ]);
  });

  test('serves where it was deployed, until another one replaces it there or it is said to have ended', async () => {
    const { dir, tracker, registry, clock } = await openVersions(0.9, 0.95);
    const told: unknown[] = [];
    tracker.events.on('version-deploy', ({ version, target, active }) => told.push([version, target, active]));
    const start = clock.epochMs();
    const deploy = async (version: string, target: string, options = {}) => {
      await clock.advance(1);
      return (await registry.recordDeployment('digits', version, { target, ...options }, evidence)).deployments;
    };
    expect(await deploy('1', 'eu')).toEqual(['eu']);
    expect(await deploy('1', 'us')).toEqual(['eu', 'us']);
    expect(await deploy('1', 'us')).toEqual(['eu', 'us']); // said twice
    expect(await deploy('2', 'eu', { beside: true })).toEqual(['eu']);
    expect((await registry.getVersion('digits/1')).deployments).toEqual(['eu', 'us']);
    expect(await deploy('2', 'eu')).toEqual(['eu']); // alone from now on
    expect((await registry.getVersion('digits/1')).deployments).toEqual(['us']);
    expect(await deploy('1', 'us', { active: false })).toEqual([]);
    expect(await deploy('1', 'us', { active: false })).toEqual([]);
    expect(await deploy('2', 'us', { active: false })).toEqual(['eu']);
    expect(told).toEqual([
      ['1', 'eu', true],
      ['1', 'us', true],
      ['2', 'eu', true],
      ['2', 'eu', true],
      ['1', 'us', false],
    ]);
    expect(await (await open(dir)).registry.deployments('digits')).toEqual([
      { target: 'eu', version: '1', since: start + 1, until: start + 5, actor: 'ada' },
      { target: 'us', version: '1', since: start + 2, until: start + 6, actor: 'ada' },
      { target: 'eu', version: '2', since: start + 4, actor: 'ada' },
    ]);
  });
});

describe('the audit', () => {
  test('has everything that happened, with who and why', async () => {
    const { dir, registry } = await openVersions(0.9, 0.95);
    const as = (actor: string) => ({
      actor,
      reason: `${actor} said so`,
      data: { psi: Number.NaN, deep: [{ zero: -0 }] },
    });
    await registry.setGates('digits', 'champion', [{ kind: 'approvals', count: 1 }], as('gatekeeper'));
    await registry.approve('digits', '1', as('approver'));
    await registry.setAlias('digits', 'champion', '1', as('mover'));
    await registry.annotate('digits', '2', { description: 'x' }, as('annotator'));
    await registry.recordEvaluation('digits', '2', { metrics: { a: 1 } }, as('evaluator'));
    await registry.recordDeployment('digits', '1', { target: 'eu' }, as('deployer'));
    await registry.deleteVersion('digits', '2', as('deleter'));
    await registry.deleteAlias('digits', 'champion', as('remover'));
    const audit = await (await open(dir)).registry.audit('digits');
    expect(audit).toEqual(await registry.audit('digits'));
    expect(audit.map((change) => [change.type, change.evidence?.actor])).toEqual([
      ['version', 'train.js'],
      ['version', 'train.js'],
      ['gates', 'gatekeeper'],
      ['approve', 'approver'],
      ['alias', 'mover'],
      ['annotate', 'annotator'],
      ['annotate', 'evaluator'],
      ['deploy', 'deployer'],
      ['delete', 'deleter'],
      ['alias', 'remover'],
    ]);
    expect(audit.slice(2).map((change) => change.evidence)).toEqual(
      audit.slice(2).map((change) => as(change.evidence?.actor as string)),
    );
  });
});

describe('a commit that fails', () => {
  /** A tracker whose next claims end as told: before anything was done, or after. */
  async function openFailing() {
    const { dir, clock } = await openVersions(0.9, 0.95);
    const faults: ('before' | 'after')[] = [];
    const refuse = (): never => {
      throw new FairleadError('STORE_FAILED', 'The disk is full: ENOSPC.', { details: { errno: 'ENOSPC' } });
    };
    const files: Files = {
      ...nodeFiles,
      claim: async (path, bytes) => {
        const fault = faults.shift();
        if (fault === 'before') refuse();
        const claimed = await nodeFiles.claim(path, bytes);
        return fault === 'after' ? refuse() : claimed;
      },
    };
    const options = { files, dir, clock, pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
    const tracker = await openTracker({ store: await openEmbeddedStore(options), clock });
    onTestFinished(() => tracker.close());
    return { dir, faults, registry: tracker.registry };
  }

  test('says so, changes nothing, and works when there is room again', async () => {
    const { dir, faults, registry } = await openFailing();
    faults.push('before', 'before');
    const full = { code: 'STORE_FAILED', details: { errno: 'ENOSPC' } };
    await expect(registry.setAlias('digits', 'champion', '1', evidence)).rejects.toMatchObject(full);
    await expect(registry.registerVersion('digits', { artifact: bytesOf('x') })).rejects.toMatchObject(full);
    expect((await registry.getModel('digits')).aliases).toEqual({});
    await registry.setAlias('digits', 'champion', '1', evidence);
    expect((await registry.registerVersion('digits', { artifact: bytesOf('x') })).version).toBe('3');
    expect(await (await open(dir)).registry.getModel('digits')).toEqual(await registry.getModel('digits'));
  });

  test('after it was kept is read as it is, and nothing is written over it', async () => {
    const { dir, faults, registry } = await openFailing();
    faults.push('after');
    await expect(registry.setAlias('digits', 'champion', '1', evidence)).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
    expect((await registry.getModel('digits')).aliases).toEqual({ champion: '1' });
    await registry.setAlias('digits', 'champion', '1', evidence); // nothing left to do
    await registry.setAlias('digits', 'champion', '2', evidence);
    const history = await (await open(dir)).registry.aliasHistory('digits', 'champion');
    expect(history.map((move) => move.to)).toEqual(['1', '2']);
  });
});

describe('what the registry refuses', () => {
  const draft = (extra: object) => (registry: ModelRegistry) =>
    registry.registerVersion('digits', { artifact: bytesOf('x'), ...extra } as never);
  const annotate = (annotation: unknown) => (registry: ModelRegistry) =>
    registry.annotate('digits', '1', annotation as never, evidence);
  const evaluate = (evaluation: unknown) => (registry: ModelRegistry) =>
    registry.recordEvaluation('digits', '1', evaluation as never, evidence);
  const deploy = (deployment: unknown) => (registry: ModelRegistry) =>
    registry.recordDeployment('digits', '1', deployment as never, evidence);
  const approve =
    (by: unknown, options: unknown = {}) =>
    (registry: ModelRegistry) =>
      registry.approve('digits', '1', by as never, options as never);

  test.each<[field: string, use: (registry: ModelRegistry) => Promise<unknown>]>([
    ['author', draft({ author: ' ' })],
    ['reason', draft({ author: 'ada', reason: '' })],
    ['author', draft({ reason: 'nobody knows whose' })],
    ['parents', draft({ parents: 'digits/1' })],
    ['reference', draft({ parents: ['digits'] })],
    ['description', draft({ description: 'x'.repeat(65_537) })],
    ['datasets.0.digest', draft({ datasets: [{ name: 'mnist' }] })],
    ['datasets[0].digest', draft({ datasets: [{ name: 'mnist', digest: 'a b' }] })],
    ['datasets[0].name', draft({ datasets: [{ name: '\n', digest: 'a' }] })],
    ['datasets.0.rows', draft({ datasets: [{ name: 'mnist', digest: 'a', rows: 3 }] })],
    ['metric name', draft({ metrics: { 'a?': 1 } })],
    ['annotation', annotate({})],
    ['annotation', annotate({ tags: {} })],
    ['tags.a', annotate({ tags: { a: 1 } })],
    ['tags', annotate({ tags: ['a'] })],
    ['tag name', annotate({ tags: { 'a?': null } })],
    ['card', annotate({ card: 1 })],
    ['digest', annotate({ digest: 'a' })],
    ['evaluation', evaluate({})],
    ['metrics.a', evaluate({ metrics: { a: '1' } })],
    ['metrics', evaluate({ metrics: {} })],
    ['dataset.digest', evaluate({ metrics: { a: 1 }, dataset: { name: 'mnist' } })],
    ['dataset[0].digest', evaluate({ metrics: { a: 1 }, dataset: { name: 'mnist', digest: 'a@b' } })],
    ['target', deploy({})],
    ['target', deploy({ target: '' })],
    ['active', deploy({ target: 'eu', active: 'no' })],
    ['evidence.actor', approve({ actor: '  ', reason: 'x' })],
    ['actor', approve({ actor: '', reason: 'x' })],
    ['reason', approve({ actor: 'ada', reason: '' })],
    ['because', approve({ actor: 'ada', reason: 'x', because: 'y' })],
    ['actor', approve(undefined)],
    ['gate', approve(evidence, { gate: '' })],
    ['approved', approve(evidence, { approved: 'yes' })],
    ['version', (registry) => registry.deleteVersion('digits', '0', evidence)],
    ['model name', (registry) => registry.audit('a/b')],
    ['alias', (registry) => registry.rollback('digits', 'latest', evidence)],
    ['alias', (registry) => registry.setGates('digits', 'v1', [], evidence)],
    ['actor', (registry) => registry.rollback('digits', 'champion', { reason: 'x' } as never)],
    ['expected', (registry) => registry.rollback('digits', 'champion', evidence, { expected: 2 } as never)],
    ['version', (registry) => registry.deleteAlias('digits', 'champion', evidence, { expected: 'x' })],
  ])('a bad %s (%#)', async (field, use) => {
    const { registry } = await openVersions(0.9);
    const before = await registry.audit('digits');
    const error: unknown = await use(registry).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: expect.stringMatching(/^(INVALID_(ARGUMENT|OPTION)|LIMIT_EXCEEDED)$/),
      message: expect.stringContaining(field.replace(/^.*\./, '')),
    });
    const named = (error as { details: { field: string } }).details.field;
    expect(named === field || (field === 'actor' && named === 'actor')).toBe(true);
    expect(await registry.audit('digits')).toEqual(before);
  });

  test('evidence that cannot be kept', async () => {
    const { registry } = await openVersions(0.9);
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const data of [{ n: 1n }, cycle]) {
      await expect(registry.approve('digits', '1', { ...evidence, data })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'evidence.data' },
      });
    }
    const data = { text: 'x'.repeat(262_144) };
    await expect(registry.approve('digits', '1', { ...evidence, data })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('artifact'),
    });
  });

  test('anything after the tracker was closed, and anything of a model that is not there', async () => {
    const { tracker, registry } = await openVersions(0.9);
    const calls = (name: string): Promise<unknown>[] => [
      registry.annotate(name, '1', { description: 'x' }, evidence),
      registry.recordEvaluation(name, '1', { metrics: { a: 1 } }, evidence),
      registry.approve(name, '1', evidence),
      registry.deleteVersion(name, '1', evidence),
      registry.recordDeployment(name, '1', { target: 'eu' }, evidence),
      registry.deployments(name),
      registry.promote(name, 'champion', '1', evidence),
      registry.checkGates(name, 'champion', '1'),
      registry.setGates(name, 'champion', [], evidence),
      registry.gates(name, 'champion'),
      registry.rollback(name, 'champion', evidence),
      registry.deleteAlias(name, 'champion', evidence),
      registry.audit(name),
    ];
    const reasonsOf = async (all: Promise<unknown>[]): Promise<unknown[]> =>
      (await Promise.allSettled(all)).map((result) => (result.status === 'rejected' ? result.reason : 'it worked'));
    for (const reason of await reasonsOf(calls('numbers'))) {
      expect(reason).toMatchObject(missing('Registered models: "digits"'));
    }
    expect((await registry.models()).map((model) => model.name)).toEqual(['digits']);
    await tracker.close();
    for (const reason of await reasonsOf(calls('digits'))) expect(reason).toMatchObject({ code: 'CLOSED' });
  });

  test('a call that was aborted', async () => {
    const dir = await temporaryFolder();
    const { registry } = await open(dir);
    const signal = AbortSignal.abort();
    await expect(registry.registerVersion('a', { artifact: bytesOf('x') }, { signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await registry.registerVersion('a', { artifact: bytesOf('x') });
    const calls = await Promise.allSettled([
      registry.approve('a', '1', evidence, { signal }),
      registry.promote('a', 'b', '1', evidence, { signal }),
      registry.annotate('a', '1', { description: 'x' }, evidence, { signal }),
      registry.audit('a', { signal }),
    ]);
    for (const call of calls) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'ABORTED' } });
    expect(await registry.audit('a')).toHaveLength(1);
  });
});
