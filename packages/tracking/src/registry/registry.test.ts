import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoadedModel, sha256Hex } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const evidence = { actor: 'test', reason: 'because' };

async function open(dir: string, clock = createVirtualClock()): Promise<Tracker> {
  const tracker = await openTracker({ dir, clock, pollMs: 1000 });
  onTestFinished(() => tracker.close());
  return tracker;
}

/** A store with three versions of `digits`, the first of which is the champion. */
async function openDigits() {
  const dir = await temporaryFolder();
  const clock = createVirtualClock();
  const tracker = await open(dir, clock);
  for (const text of ['one', 'two', 'three'])
    await tracker.registry.registerVersion('digits', { artifact: bytesOf(text) });
  await tracker.registry.setAlias('digits', 'champion', '1', evidence);
  return { dir, clock, tracker, registry: tracker.registry };
}

/** Collects what a listener hears, and lets a test wait for it. */
function createInbox<T>() {
  const items: T[] = [];
  let wake: (() => void) | undefined;
  return {
    items,
    push: (item: T): void => {
      items.push(item);
      wake?.();
    },
    async have(count: number): Promise<T[]> {
      while (items.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return items;
    },
  };
}

describe('the registry', () => {
  test('numbers versions and gives back what they were registered with', async () => {
    const dir = await temporaryFolder();
    const tracker = await open(dir);
    const signature = {
      inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
      outputs: [{ name: 'label', dtype: 'int64', shape: ['batch'] }],
      batchAxis: 0,
    } as const;
    const run = await tracker.withRun({}, async (live) => {
      await live.logArtifact('model.onnx', bytesOf('one'));
      return live.id;
    });
    const digest = await sha256Hex(bytesOf('one'));
    const metrics = { accuracy: 0.9, ece: Number.NaN };
    const first = await tracker.registry.registerVersion('digits', {
      artifact: digest,
      signature,
      metrics,
      tags: { stage: 'test' },
      run,
      sidecars: { card: bytesOf('# Card') },
    });
    const second = await tracker.registry.registerVersion('digits', { artifact: bytesOf('two') });
    expect([first.version, second.version]).toEqual(['1', '2']);
    await tracker.registry.setAlias('digits', 'champion', '1', evidence);
    const { registry } = await open(dir);
    expect(await registry.getVersion('digits@champion')).toEqual({ ...first, aliases: ['champion'] });
    expect(first).toMatchObject({ digest, size: 3, signature, metrics, run, tags: { stage: 'test' } });
    expect(await registry.getVersion('digits/2')).toEqual(second);
    const models = await registry.models();
    expect(models).toMatchObject([{ name: 'digits', aliases: { champion: '1' } }]);
    expect(models[0]?.versions.map((version) => version.version)).toEqual(['1', '2']);
  });

  test('keeps the history of an alias', async () => {
    const { registry, clock } = await openDigits();
    await clock.advance(5);
    await registry.setAlias('digits', 'champion', '2', { ...evidence, data: { psi: 0.2 } });
    const again = await registry.setAlias('digits', 'champion', '2', { actor: 'other', reason: 'again' });
    const history = await registry.aliasHistory('digits', 'champion');
    expect(history).toEqual([
      { alias: 'champion', from: null, to: '1', evidence, at: clock.epochMs() - 5 },
      { alias: 'champion', from: '1', to: '2', evidence: { ...evidence, data: { psi: 0.2 } }, at: clock.epochMs() },
    ]);
    expect(again).toEqual(history[1]);
  });

  test('moves an alias by compare-and-set', async () => {
    const { registry } = await openDigits();
    await expect(registry.setAlias('digits', 'champion', '3', evidence, { expected: '2' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('points at version 1'),
    });
    await expect(registry.setAlias('digits', 'champion', '3', evidence, { expected: null })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await registry.setAlias('digits', 'champion', '3', evidence, { expected: '1' });
    await registry.setAlias('digits', 'shadow', '2', evidence, { expected: null });
    expect((await registry.getModel('digits')).aliases).toEqual({ champion: '3', shadow: '2' });
    const tries = ['1', '2'].map((to) => registry.setAlias('digits', 'champion', to, evidence, { expected: '3' }));
    const results = await Promise.allSettled(tries);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('names what exists when something does not', async () => {
    const { registry } = await openDigits();
    const notFound = (message: string) => ({ code: 'NOT_FOUND', message: expect.stringContaining(message) });
    await expect(registry.getVersion('digit/1')).rejects.toMatchObject(notFound('Registered models: "digits"'));
    await expect(registry.getVersion('digits/4')).rejects.toMatchObject(notFound('"1", "2", "3"'));
    await expect(registry.getVersion('digits@champ')).rejects.toMatchObject(notFound('"champion"'));
    await expect(registry.model('digits@constructor').resolve({})).rejects.toMatchObject(notFound('"champion"'));
    await expect(registry.setAlias('digits', 'champion', '9', evidence)).rejects.toMatchObject(notFound('"3"'));
    await expect(registry.aliasHistory('digits', 'none')).rejects.toMatchObject(notFound('"champion"'));
    await expect(registry.alias('digits', 'none').read()).rejects.toMatchObject(notFound('"champion"'));
    const draft = { artifact: 'a'.repeat(64) };
    await expect(registry.registerVersion('digits', draft)).rejects.toMatchObject(notFound('Log it first'));
    const orphan = { artifact: bytesOf('x'), run: 'f'.repeat(32) };
    await expect(registry.registerVersion('digits', orphan)).rejects.toMatchObject(notFound('tracker.runs()'));
  });

  test.each([
    ['name', (registry) => registry.registerVersion('a/b', { artifact: bytesOf('x') })],
    ['name', (registry) => registry.registerVersion('../up', { artifact: bytesOf('x') })],
    ['artifact', (registry) => registry.registerVersion('a', { artifact: 'model.onnx' })],
    ['artefact', (registry) => registry.registerVersion('a', { artifact: bytesOf('x'), artefact: 1 } as never)],
    ['metrics', (registry) => registry.registerVersion('a', { artifact: bytesOf('x'), metrics: { a: '1' } as never })],
    [
      'sidecars',
      (registry) => registry.registerVersion('a', { artifact: bytesOf('x'), sidecars: { car: 1 } as never }),
    ],
    ['alias', (registry) => registry.setAlias('digits', 'latest', '1', evidence)],
    ['alias', (registry) => registry.setAlias('digits', 'v2', '1', evidence)],
    ['alias', (registry) => registry.setAlias('digits', 'V2', '1', evidence)],
    ['alias', (registry) => registry.setAlias('digits', 'a b', '1', evidence)],
    ['version', (registry) => registry.setAlias('digits', 'champion', 1 as never, evidence)],
    ['version', (registry) => registry.setAlias('digits', 'champion', '01', evidence)],
    ['actor', (registry) => registry.setAlias('digits', 'champion', '2', { actor: '', reason: 'x' })],
    ['reason', (registry) => registry.setAlias('digits', 'champion', '2', { actor: 'x' } as never)],
    ['evidence', (registry) => registry.setAlias('digits', 'champion', '2', { ...evidence, data: { n: 1n } })],
    ['reference', (registry) => registry.getVersion('digits')],
    ['reference', (registry) => registry.getVersion('digits@a@b')],
    ['reference', async (registry) => registry.model('digits:1')],
  ] as [string, (registry: Tracker['registry']) => Promise<unknown>][])('refuses a bad %s (%#)', async (field, use) => {
    const { registry } = await openDigits();
    const error: unknown = await use(registry).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^INVALID_(ARGUMENT|OPTION)$/) });
    expect((error as Error).message).toContain(field);
    expect((await registry.getModel('digits')).versions).toHaveLength(3);
  });

  test('keeps models apart whose names differ in case or need escaping', async () => {
    const dir = await temporaryFolder();
    const { registry } = await open(dir);
    for (const name of ['digits', 'Digits', 'zahlen größer 9', 'a.b-c_d']) {
      await registry.registerVersion(name, { artifact: bytesOf(name) });
    }
    expect((await registry.models()).map((model) => model.name)).toEqual(
      ['digits', 'Digits', 'zahlen größer 9', 'a.b-c_d'].sort(),
    );
    expect(await nodeFiles.list(join(dir, 'registry'))).toContain('%44igits');
  });

  test('steps over a damaged commit, says so, and gives its number to nobody else', async () => {
    const { dir } = await openDigits();
    const path = join(dir, 'registry', 'digits', '0000000002.json');
    const bytes = Buffer.from((await nodeFiles.read(path)) as Uint8Array);
    bytes[bytes.indexOf('"size"') + 8] = 0x39;
    await writeFile(path, bytes);
    const { registry } = await open(dir);
    const model = await registry.getModel('digits');
    expect(model.versions.map((version) => version.version)).toEqual(['1', '3']);
    expect(model.damage).toEqual([
      expect.objectContaining({ file: 'registry/digits/0000000002.json', kind: 'corrupt' }),
    ]);
    expect((await registry.registerVersion('digits', { artifact: bytesOf('x') })).version).toBe('5');
  });
});

describe('a model source', () => {
  test('resolves to checked bytes with their sidecars', async () => {
    const { dir, registry } = await openDigits();
    await registry.registerVersion('digits', { artifact: bytesOf('four'), sidecars: { golden: bytesOf('rows') } });
    const source = registry.model('digits/4');
    expect(source.watch).toBeUndefined();
    const model = await source.resolve({});
    expect(model).toMatchObject({ name: 'digits', version: '4', digest: await sha256Hex(bytesOf('four')) });
    expect([...model.bytes]).toEqual([...bytesOf('four')]);
    expect(await model.sidecar('golden')).toEqual(bytesOf('rows'));
    expect(await model.sidecar('card')).toBeUndefined();
    await writeFile(join(dir, 'artifacts', model.digest), 'five');
    await expect(source.resolve({})).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(source.resolve({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('of an alias announces every later model, and none that is in use', async () => {
    const { registry, clock } = await openDigits();
    const source = registry.model('digits@champion');
    expect((await source.resolve({})).version).toBe('1');
    const inbox = createInbox<LoadedModel>();
    // A move between resolve and watch is not missed.
    await registry.setAlias('digits', 'champion', '2', evidence);
    const watch = source.watch?.(inbox.push);
    expect((await inbox.have(1)).map((model) => model.version)).toEqual(['2']);
    await registry.setAlias('digits', 'other', '3', evidence);
    await registry.setAlias('digits', 'champion', '3', evidence);
    const models = await inbox.have(2);
    expect(models.map((model) => model.version)).toEqual(['2', '3']);
    expect([...(models[1] as LoadedModel).bytes]).toEqual([...bytesOf('three')]);
    await watch?.close();
    expect(clock.pendingTimers).toBe(0);
    await registry.setAlias('digits', 'champion', '1', evidence);
    expect(inbox.items).toHaveLength(2);
  });

  test('sees moves made through another tracker by polling alone', async () => {
    const { dir, registry } = await openDigits();
    const clock = createVirtualClock();
    const files = { ...nodeFiles, watch: () => undefined };
    const { openEmbeddedStore } = await import('../embedded/embedded-store');
    const store = await openEmbeddedStore({
      files,
      dir,
      clock,
      pollMs: 1000,
      maxBufferedBytes: 65_536,
      overflow: 'write',
    });
    const other = await openTracker({ store, clock });
    onTestFinished(() => other.close());
    const source = other.registry.model('digits@champion');
    await source.resolve({});
    const inbox = createInbox<LoadedModel>();
    const watch = source.watch?.(inbox.push);
    await other.registry.getModel('digits');
    await registry.setAlias('digits', 'champion', '2', evidence);
    await clock.advance(1000);
    expect((await inbox.have(1))[0]?.version).toBe('2');
    await watch?.close();
  });

  test('sees moves made through another tracker by notices alone', async () => {
    const { dir, registry } = await openDigits();
    const other = await open(dir); // its clock stands still, so it never polls
    const source = other.registry.model('digits@champion');
    await source.resolve({});
    const inbox = createInbox<LoadedModel>();
    const watch = source.watch?.(inbox.push);
    await registry.setAlias('digits', 'champion', '3', evidence);
    expect((await inbox.have(1))[0]?.version).toBe('3');
    await watch?.close();
  });

  test('tells of a model that cannot be loaded once, and announces it when it is mended', async () => {
    const { dir, registry, clock } = await openDigits();
    const { digest } = await registry.getVersion('digits/2');
    const source = registry.model('digits@champion');
    await source.resolve({});
    await writeFile(join(dir, 'artifacts', digest), 'bad');
    const [models, errors] = [createInbox<LoadedModel>(), createInbox<unknown>()];
    const watch = source.watch?.(models.push, errors.push);
    await registry.setAlias('digits', 'champion', '2', evidence);
    expect(await errors.have(1)).toEqual([expect.objectContaining({ code: 'DIGEST_MISMATCH' })]);
    await clock.advance(1000);
    await writeFile(join(dir, 'mended'), 'two');
    await nodeFiles.rename(join(dir, 'mended'), join(dir, 'artifacts', digest));
    await clock.advance(1000);
    expect((await models.have(1))[0]?.version).toBe('2');
    expect(errors.items).toHaveLength(1);
    await watch?.close();
  });
});

describe('an alias control', () => {
  test('reads, moves and watches', async () => {
    const { registry } = await openDigits();
    const control = registry.alias('digits', 'champion');
    expect(await control.read()).toBe('1');
    const inbox = createInbox<string>();
    const watch = control.watch(inbox.push);
    await control.move('2', evidence);
    expect(await inbox.have(1)).toEqual(['2']);
    await registry.setAlias('digits', 'champion', '3', evidence);
    expect(await inbox.have(2)).toEqual(['2', '3']);
    await watch.close();
  });

  test('does not move an alias that somebody else has moved since', async () => {
    const { registry } = await openDigits();
    const control = registry.alias('digits', 'champion');
    await control.read();
    await registry.setAlias('digits', 'champion', '2', evidence);
    await expect(control.move('3', evidence)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await control.read()).toBe('2');
    await control.move('3', evidence);
    expect((await registry.aliasHistory('digits', 'champion')).map((move) => move.to)).toEqual(['1', '2', '3']);
  });
});
