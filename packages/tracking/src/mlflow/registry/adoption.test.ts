import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tagOf } from './entry';
import { onnxPathOf } from './mlmodel';
import { evidence, moveTo, openStore, runId, startServer, versionOf } from './registry-kit.fixture';

const mlmodel = `artifact_path: model
flavors:
  python_function:
    data: other.onnx
    loader_module: mlflow.onnx
  onnx:
    code: null
    data: 'nested/model.onnx'
    onnx_version: 1.17.0
`;
const source = `mlflow-artifacts:/1/${runId}/artifacts/model`;
const folder = `1/${runId}/artifacts/model`;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('what other clients of the server do', () => {
  it('is taken over: a version by the file that its ONNX flavour names, with the alias that points to it', async () => {
    const server = await startServer();
    server.files.set(`${folder}/MLmodel`, mlmodel);
    server.files.set(`${folder}/nested/model.onnx`, 'the model');
    server.files.set(`${folder}/other.onnx`, 'another');
    server.createModel('digits');
    const draft = { source, runId, description: 'by Python', tags: { team: 'vision' } };
    server.createVersion('digits', draft);
    server.createVersion('digits', draft);
    server.setAlias('digits', 'champion', '2');
    server.setAlias('digits', 'with.dot', '1');
    const { store, learned } = openStore(server);
    const model = await store.read('digits');
    expect(model?.aliases).toEqual({ champion: '2' });
    const digest = sha256('the model');
    expect(model?.versions).toMatchObject([
      {
        version: '2',
        digest,
        size: 9,
        description: 'by Python',
        tags: { team: 'vision' },
        run: runId,
        author: 'mlflow',
        registeredAt: server.versions('digits')[1]?.creation_timestamp,
      },
    ]);
    expect(learned.get(digest)).toEqual({ folder: `${source}/nested`, file: 'model.onnx', runId });
    expect(model?.changes).toMatchObject([
      { type: 'version', evidence: { actor: 'mlflow' } },
      { type: 'alias', from: null, to: '2', evidence: { actor: 'mlflow', reason: 'moved by another client' } },
    ]);
    // Another process reads it from the log, and need not look at the file.
    const before = server.seen.length;
    const other = openStore(server);
    expect((await other.store.read('digits'))?.changes).toEqual(model?.changes);
    expect(other.learned.get(digest)).toEqual(learned.get(digest));
    expect(server.seen.slice(before).some(({ url }) => url.includes('mlflow-artifacts'))).toBe(false);
  });

  it('is a move of an alias, a removal of it, or the deletion of a version that it pointed to', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    for (const text of ['one', 'two', 'three']) await store.commit('digits', () => versionOf(text));
    await store.commit('digits', () => moveTo('1'));
    server.setAlias('digits', 'champion', '2');
    expect((await store.read('digits'))?.changes.at(-1)).toMatchObject({
      from: '1',
      to: '2',
      evidence: { actor: 'mlflow' },
    });
    server.deleteAlias('digits', 'champion');
    expect((await store.read('digits'))?.aliases).toEqual({});
    await store.commit('digits', () => moveTo('3'));
    server.deleteVersion('digits', '3');
    const model = await store.read('digits');
    expect(model?.changes.slice(-2)).toMatchObject([
      { type: 'alias', from: '3', to: null },
      { type: 'delete', version: '3', evidence: { actor: 'mlflow', reason: 'deleted by another client' } },
    ]);
    expect(model?.aliases).toEqual({});
  });

  it('is recorded once, however many look at the same time', async () => {
    const server = await startServer();
    const first = openStore(server);
    for (const text of ['one', 'two']) await first.store.commit('digits', () => versionOf(text));
    await first.store.commit('digits', () => moveTo('1'));
    server.setAlias('digits', 'champion', '2');
    const stores = [first, openStore(server), openStore(server), openStore(server)];
    const models = await Promise.all(stores.map(({ store }) => store.read('digits')));
    for (const model of models) expect(model?.aliases).toEqual({ champion: '2' });
    expect((await openStore(server).store.read('digits'))?.changes).toHaveLength(4);
  });

  it('decides what a move that comes meanwhile is compared with', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    for (const text of ['one', 'two']) await store.commit('digits', () => versionOf(text));
    await store.commit('digits', () => moveTo('1'));
    server.setAlias('digits', 'champion', '2');
    const seen: unknown[] = [];
    await store.commit('digits', (model) => void seen.push(model?.aliases.champion));
    expect(seen).toEqual(['2']);
  });

  it('is not undone by a projection that it comes upon', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    for (const text of ['one', 'two', 'three']) await store.commit('digits', () => versionOf(text));
    let moved = false;
    server.meet(({ url }) => {
      // Between our setting of the alias and our look at it.
      if (url.includes('registered-models/search') && server.aliases('digits').champion === '1' && !moved) {
        moved = true;
        server.setAlias('digits', 'champion', '3');
      }
      return undefined;
    });
    await store.commit('digits', () => moveTo('1'));
    expect(server.aliases('digits')).toEqual({ champion: '3' });
    const moves = (await store.read('digits'))?.changes.filter(({ type }) => type === 'alias');
    expect(moves).toMatchObject([{ to: '1' }, { from: '1', to: '3', evidence: { actor: 'mlflow' } }]);
  });

  it('is not what one of us did between a look at the aliases and a look at the log', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    for (const text of ['one', 'two']) await store.commit('digits', () => versionOf(text));
    await store.commit('digits', () => moveTo('1'));
    const before = Object.fromEntries(server.versions('digits.fairlead').at(-1)?.tags ?? []);
    let moved = false;
    server.meet(({ url }) => {
      if (!moved && url.includes('model-versions/search') && url.includes('digits.fairlead')) {
        moved = true;
        const change = JSON.stringify(moveTo('2', '1'));
        const tags = { ...before, [tagOf.token]: 'theirs', [tagOf.after]: '3', [tagOf.change]: change };
        server.createVersion('digits.fairlead', { source: 'x', tags });
        server.setAlias('digits', 'champion', '2');
      }
      return undefined;
    });
    const model = await openStore(server).store.read('digits');
    expect(moved).toBe(true);
    expect(model?.aliases).toEqual({ champion: '2' });
    expect(model?.changes.map(({ evidence: by }) => by?.actor)).toEqual([undefined, undefined, 'ada', 'ada']);
  });

  it('is left out where several files may be the model, and said once; the alias points nowhere then', async () => {
    const server = await startServer();
    const { store, warnings } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    await store.commit('digits', () => moveTo('1'));
    server.files.set(`${folder}/a.onnx`, 'a');
    server.files.set(`${folder}/b.onnx`, 'b');
    server.createVersion('digits', { source, runId });
    server.setAlias('digits', 'champion', '2');
    const model = await store.read('digits');
    await store.read('digits');
    expect(model?.versions).toHaveLength(1);
    expect(model?.aliases).toEqual({});
    expect(model?.changes.at(-1)).toMatchObject({
      to: null,
      evidence: { reason: expect.stringContaining('version 2') },
    });
    expect(warnings).toEqual([expect.stringContaining('"a.onnx" and "b.onnx" may both be the model')]);
    // Ours again.
    await store.commit('digits', () => moveTo('1'));
    expect(server.aliases('digits')).toEqual({ champion: '1' });
  });

  it.each([
    [
      'the only file beside those of MLflow',
      { MLmodel: 'flavors:\n  python_function:\n    data: x\n', 'conda.yaml': 'c', 'model.pkl': 'p' },
      'p',
    ],
    [
      'the only ONNX file',
      { MLmodel: 'flavors:\n  onnx:\n    data: gone.onnx\n', 'deep/m.onnx': 'm', 'x.txt': 'x' },
      'm',
    ],
  ])('is found as %s', async (_, files, content) => {
    const server = await startServer();
    for (const [name, text] of Object.entries(files)) server.files.set(`${folder}/${name}`, text);
    server.createModel('digits');
    server.createVersion('digits', { source, runId });
    const { store } = openStore(server, { adopt: 'all' });
    expect((await store.read('digits'))?.versions).toMatchObject([{ digest: sha256(content) }]);
  });

  it('is found where the source is a file itself, or the path of a run', async () => {
    const server = await startServer();
    server.files.set(`${folder}/m.bin`, 'bytes');
    server.createModel('digits');
    server.createVersion('digits', { source: `${source}/m.bin`, runId });
    server.createVersion('digits', { source: `runs:/${runId}/model`, runId });
    const { store } = openStore(server, { adopt: 'all' });
    const digest = sha256('bytes');
    expect((await store.read('digits'))?.versions).toMatchObject([{ digest }, { digest }]);
  });

  it('is only warned of where the bytes are not behind the proxy, gone, or there are none', async () => {
    const server = await startServer();
    server.createModel('digits');
    server.createVersion('digits', { source: 's3://bucket/model' });
    server.createVersion('digits', { source, runId });
    const { store, warnings } = openStore(server, { adopt: 'all' });
    expect(await store.read('digits')).toMatchObject({ name: 'digits', versions: [] });
    expect(warnings).toEqual([expect.stringContaining('--serve-artifacts'), expect.stringContaining('no files')]);
    expect(server.models.has('digits.fairlead')).toBe(false);
  });

  it('is let be where nothing is to be adopted, and is read by whoever may not write', async () => {
    const server = await startServer();
    server.files.set(`${folder}/m.onnx`, 'm');
    server.createModel('digits');
    server.createVersion('digits', { source, runId });
    server.setAlias('digits', 'champion', '1');
    expect(await openStore(server, { adopt: 'none' }).store.read('digits')).toMatchObject({
      versions: [],
      aliases: {},
    });
    expect(server.models.has('digits.fairlead')).toBe(false);
    server.meet(({ method }) => (method === 'GET' ? undefined : 'fail'));
    const reader = openStore(server);
    expect(await reader.store.read('digits')).toMatchObject({ versions: [] });
    expect(reader.warnings).toEqual([expect.stringContaining('Could not adopt')]);
  });

  it('ends a model whose registered model is gone, and its numbers are not taken twice', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    await store.commit('digits', () => moveTo('1'));
    server.models.delete('digits');
    const model = await store.read('digits');
    expect(model?.aliases).toEqual({});
    expect(model?.versions).toMatchObject([{ version: '1', deletedAt: expect.any(Number) }]);
    expect(server.models.has('digits')).toBe(false);
    await expect(store.commit('digits', () => versionOf('two'))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('digits.fairlead'),
    });
    expect(server.versions('digits')).toEqual([]);
  });

  it('marks entries that it makes as shown, so that nobody waits for them', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    server.setAlias('digits', 'champion', '1');
    await store.read('digits');
    expect(server.versions('digits.fairlead').every(({ tags }) => tags.has(tagOf.projected))).toBe(true);
    await store.commit('digits', () => ({ type: 'approve', at: 1, evidence, version: '1', gate: 'g', approved: true }));
    expect(server.versions('digits.fairlead').at(-1)?.tags.has(tagOf.projected)).toBe(true);
  });
});

describe('an MLmodel file', () => {
  it.each([
    [mlmodel, 'nested/model.onnx'],
    ['flavors:\n  onnx: {data: x}\n', undefined],
    ['flavors:\r\n  onnx:\r\n    data: "a b.onnx"\r\n', 'a b.onnx'],
    ['onnx:\n  data: x.onnx\n', undefined],
    ['flavors:\n  onnx:\n    deeper:\n      data: x.onnx\n', undefined],
    ['flavors:\n  onnx:\n    data: ../../x.onnx\n', undefined],
    ['', undefined],
  ])('%# names the file of its ONNX flavour', (text, path) => {
    expect(onnxPathOf(text)).toBe(path);
  });
});
