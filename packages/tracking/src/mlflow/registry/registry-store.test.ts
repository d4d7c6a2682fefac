import { describe, expect, it } from 'vitest';
import type { StoredModel } from '../../store/registry-store';
import { tagOf } from './entry';
import { evidence, moveTo, openStore, runId, startServer, versionOf } from './registry-kit.fixture';

const isAppend = (url: string, body: string): boolean =>
  url.endsWith('/model-versions/create') && body.includes(tagOf.after);
const isDraft = (url: string, body: string): boolean =>
  url.endsWith('/model-versions/create') && body.includes(tagOf.pending);

/** What a fresh process reads. */
async function readAnew(server: Parameters<typeof openStore>[0]): Promise<StoredModel | undefined> {
  return openStore(server).store.read('digits');
}

describe('a registry on an MLflow server', () => {
  it('shows versions, aliases, tags and descriptions to the users of MLflow', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    const tags = { stage: 'new', long: 'x'.repeat(6000) };
    const made = await store.commit('digits', () => versionOf('one', { tags, description: 'reads digits' }));
    expect(made.change).toMatchObject({
      type: 'version',
      version: { version: '1', metrics: { accuracy: Number.NaN } },
    });
    const [shown] = server.versions('digits');
    const digest = made.model?.versions[0]?.digest as string;
    expect(shown).toMatchObject({
      source: `mlflow-artifacts:/1/${runId}/artifacts/${digest}`,
      run_id: runId,
      description: 'reads digits',
    });
    expect(Object.fromEntries(shown?.tags ?? [])).toEqual({
      stage: 'new',
      [tagOf.digest]: digest,
      [tagOf.file]: 'blob',
    });

    await store.commit('digits', () => moveTo('1'));
    expect(server.aliases('digits')).toEqual({ champion: '1' });
    await store.commit('digits', () => ({
      type: 'annotate',
      at: 3,
      evidence,
      version: '1',
      tags: { stage: null, team: 'vision' },
      description: 'reads all digits',
    }));
    expect(server.versions('digits')[0]?.description).toBe('reads all digits');
    expect(server.versions('digits')[0]?.tags.get('team')).toBe('vision');
    expect(server.versions('digits')[0]?.tags.has('stage')).toBe(false);
    await store.commit('digits', () => moveTo(null, '1'));
    expect(server.aliases('digits')).toEqual({});
    await store.commit('digits', () => ({ type: 'delete', at: 4, evidence, version: '1' }));
    expect(server.versions('digits')).toEqual([]);

    const model = await readAnew(server);
    expect(model?.changes.map(({ type }) => type)).toEqual(['version', 'alias', 'annotate', 'alias', 'delete']);
    expect(model?.versions).toMatchObject([
      { tags: { long: tags.long, team: 'vision' }, description: 'reads all digits', deletedAt: 4 },
    ]);
    expect(await store.names()).toEqual(['digits']);
  });

  it('keeps what tags of one piece cannot: long changes, and text outside the basic plane', async () => {
    const server = await startServer();
    const data = { text: '🙂'.repeat(10_001), value: Number.NEGATIVE_INFINITY };
    await openStore(server).store.commit('digits', () => versionOf('one'));
    await openStore(server).store.commit('digits', () => ({
      type: 'approve',
      at: 1,
      evidence: { ...evidence, data },
      version: '1',
      gate: 'approval',
      approved: true,
    }));
    expect((await readAnew(server))?.changes[1]?.evidence?.data).toEqual(data);
    const tags = [...(server.versions('digits.fairlead')[1]?.tags.values() ?? [])];
    expect(tags.length).toBeGreaterThan(5);
    for (const tag of tags) {
      expect(tag.length).toBeLessThanOrEqual(5000);
      expect(tag).not.toMatch(/\p{Cs}/u);
    }
    const { store } = openStore(server);
    await expect(
      store.commit(
        'digits',
        () => ({ ...moveTo('1'), evidence: { ...evidence, data: { text: 'x'.repeat(1e6) } } }) as never,
      ),
    ).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('loses no commit of many writers, and decides anew after every race lost', async () => {
    const server = await startServer();
    const stores = Array.from({ length: 4 }, () => openStore(server).store);
    let decisions = 0;
    await Promise.all(
      stores.flatMap((store, writer) =>
        Array.from({ length: 6 }, (_, index) =>
          store.commit('digits', (model) => {
            decisions++;
            const count = model?.changes.length ?? 0;
            return { ...versionOf(`${writer}/${index}`), at: count };
          }),
        ),
      ),
    );
    const model = await readAnew(server);
    expect(model?.versions).toHaveLength(24);
    // Each was decided upon all that came before it.
    expect(model?.changes.map(({ at }) => at)).toEqual(Array.from({ length: 24 }, (_, at) => at));
    expect(new Set(model?.versions.map(({ digest }) => digest)).size).toBe(24);
    expect(server.versions('digits')).toHaveLength(24);
    expect(decisions).toBe(server.versions('digits.fairlead').length);
    expect(server.versions('digits').every(({ tags }) => !tags.has(tagOf.pending))).toBe(true);
  });

  it('lets one of two moves of an alias through, and tells the other where it points', async () => {
    const server = await startServer();
    const [ours, theirs] = [openStore(server), openStore(server)];
    for (const text of ['one', 'two', 'three']) await ours.store.commit('digits', () => versionOf(text));
    let between = true;
    const seen: (string | undefined)[] = [];
    await ours.store.commit('digits', (model) => {
      seen.push(model?.aliases.champion);
      return moveTo('2', model?.aliases.champion ?? null);
    });
    server.meet(({ url, body }) => {
      if (isAppend(url, body) && between) {
        between = false;
        const last = server.versions('digits.fairlead').at(-1);
        const tags = Object.fromEntries(last?.tags ?? []);
        const after = String(server.versions('digits.fairlead').length);
        const change = JSON.stringify(moveTo('3', '2'));
        server.createVersion('digits.fairlead', {
          source: 'x',
          tags: {
            ...tags,
            [tagOf.token]: 'theirs',
            [tagOf.after]: after,
            [tagOf.change]: change,
            [tagOf.projected]: 'true',
          },
        });
        server.setAlias('digits', 'champion', '3');
      }
      return undefined;
    });
    await ours.store.commit('digits', (model) => {
      seen.push(model?.aliases.champion);
      return moveTo('1', model?.aliases.champion ?? null);
    });
    expect(seen).toEqual([undefined, '2', '3']);
    const moves = (await theirs.store.read('digits'))?.changes.filter(({ type }) => type === 'alias');
    expect(moves).toMatchObject([
      { from: null, to: '2' },
      { from: '2', to: '3' },
      { from: '3', to: '1' },
    ]);
    expect(server.aliases('digits')).toEqual({ champion: '1' });
  });

  it('finds what the server kept though its answer was lost, and makes nothing twice', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    const lost = new Set<string>();
    server.meet(({ url, body }) => {
      const kind = isAppend(url, body)
        ? 'entry'
        : isDraft(url, body)
          ? 'version'
          : url.endsWith('registered-models/create')
            ? body
            : '';
      if (kind === '' || lost.has(kind)) return undefined;
      lost.add(kind);
      return 'lose';
    });
    const { change } = await store.commit('digits', () => versionOf('one'));
    expect(lost.size).toBe(4);
    expect(change).toMatchObject({ version: { version: '1' } });
    expect(server.versions('digits')).toHaveLength(1);
    expect(server.versions('digits.fairlead')).toHaveLength(1);
    expect((await readAnew(server))?.changes).toHaveLength(1);
  });

  it('makes an entry again that the server gave up on, and counts one of the same that comes twice once', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    let failures = 2;
    server.meet(({ url, body }) => (isAppend(url, body) && failures-- > 0 ? 'fail' : undefined));
    await store.commit('digits', () => moveTo('1'));
    const { tags } = server.versions('digits.fairlead').at(-1) ?? { tags: new Map() };
    server.createVersion('digits.fairlead', { source: 'x', tags: Object.fromEntries(tags) });
    expect((await readAnew(server))?.changes).toHaveLength(2);
    expect((await store.read('digits'))?.changes).toHaveLength(2);
  });

  it('counts an entry once whose first request arrives when it was sent again', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    let attempts = 0;
    server.meet(({ url, body }) => {
      if (!isAppend(url, body) || ++attempts > 2) return undefined;
      if (attempts === 1) return 'fail';
      const { tags } = JSON.parse(body) as { tags: { key: string; value: string }[] };
      server.createVersion('digits.fairlead', {
        source: 'late',
        tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
      });
      return undefined;
    });
    let decisions = 0;
    await store.commit('digits', () => {
      decisions++;
      return moveTo('1');
    });
    expect(decisions).toBe(1);
    expect(server.versions('digits.fairlead')).toHaveLength(3);
    expect((await store.read('digits'))?.changes).toHaveLength(2);
    expect((await readAnew(server))?.changes).toHaveLength(2);
    expect(server.versions('digits.fairlead')[1]?.tags.has(tagOf.projected)).toBe(true);
  });

  it('leaves nothing behind of a version that was not committed after all', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    // Another is first, and then there is nothing to do any more.
    let decisions = 0;
    server.meet(({ url, body }) => {
      if (!isAppend(url, body) || decisions > 1) return undefined;
      const tags = Object.fromEntries(server.versions('digits.fairlead').at(-1)?.tags ?? []);
      server.createVersion('digits.fairlead', {
        source: 'x',
        tags: { ...tags, [tagOf.token]: 'theirs', [tagOf.after]: '1' },
      });
      return undefined;
    });
    const { change } = await store.commit('digits', () => (decisions++ === 0 ? versionOf('two') : undefined));
    expect(change).toBeUndefined();
    expect(server.versions('digits')).toHaveLength(1);
    server.meet(() => undefined);
    await expect(
      store.commit('digits', () => ({
        ...versionOf('three'),
        evidence: { ...evidence, data: { text: 'x'.repeat(1e6) } },
      })),
    ).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(server.versions('digits')).toHaveLength(1);
    // Their numbers are not given again.
    expect((await store.commit('digits', () => versionOf('four'))).change).toMatchObject({ version: { version: '4' } });
  });

  it('keeps a version of which nobody could say whether it was committed, until the log says so', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    let isDown = false;
    server.meet(({ url, body }) => {
      if (isDown) return 'fail';
      isDown = isAppend(url, body);
      return isDown ? 'lose' : undefined;
    });
    await expect(store.commit('digits', () => versionOf('two'))).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    server.meet(() => undefined);
    expect((await store.read('digits'))?.versions.map(({ version, deletedAt }) => [version, deletedAt])).toEqual([
      ['1', undefined],
      ['2', undefined],
    ]);
    server.advance(60_001);
    await store.read('digits');
    expect(server.versions('digits').map(({ tags }) => tags.has(tagOf.pending))).toEqual([false, false]);

    server.meet(({ url, body }) => (isAppend(url, body) ? 'fail' : undefined));
    await expect(store.commit('digits', () => versionOf('three'))).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect(server.versions('digits')).toHaveLength(3);
    expect((await store.read('digits'))?.versions).toHaveLength(2);
  });

  it('passes over a version whose writer died before its commit, and removes it an hour later', async () => {
    const server = await startServer();
    await openStore(server).store.commit('digits', () => versionOf('one'));
    server.createVersion('digits', { source: 'fairlead:/log', tags: { [tagOf.pending]: 'dead' } });
    const { store } = openStore(server, { adopt: 'all' });
    expect((await store.read('digits'))?.versions).toHaveLength(1);
    await store.commit('digits', () => versionOf('three'));
    expect(server.versions('digits').map(({ version }) => version)).toEqual(['1', '2', '3']);
    server.advance(3_600_001);
    await store.commit('digits', () => versionOf('four'));
    expect(server.versions('digits').map(({ version }) => version)).toEqual(['1', '3', '4']);
  });

  it('shows a minute later what a writer that died did not show', async () => {
    const server = await startServer();
    const dying = openStore(server);
    await dying.store.commit('digits', () => versionOf('one'));
    server.meet(({ url }) => (url.endsWith('registered-models/alias') ? 'fail' : undefined));
    await dying.store.commit('digits', () => moveTo('1'));
    expect(dying.warnings).toEqual([expect.stringContaining('Could not show a change of "digits"')]);
    server.meet(() => undefined);
    const { store } = openStore(server);
    // It is not taken for a removal by another client.
    const before = server.seen.length;
    expect((await store.read('digits'))?.aliases).toEqual({ champion: '1' });
    expect(server.seen.length - before).toBe(2);
    expect(server.aliases('digits')).toEqual({});
    server.advance(60_001);
    expect((await store.read('digits'))?.changes).toHaveLength(2);
    expect(server.aliases('digits')).toEqual({ champion: '1' });
  });

  it('shows at the next look what it could not show itself', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    server.meet(({ url }) => (url.endsWith('registered-models/alias') ? 'fail' : undefined));
    await store.commit('digits', () => moveTo('1'));
    server.meet(() => undefined);
    await store.read('digits');
    expect(server.aliases('digits')).toEqual({ champion: '1' });
  });

  it('tells of entries that are gone, damaged or of a later kind, and goes on', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    await store.commit('digits', () => moveTo('1'));
    await store.commit('digits', () => ({ type: 'gates', at: 1, evidence, alias: 'champion', gates: [] }));
    await store.commit('digits', () => ({ type: 'gates', at: 2, evidence, alias: 'champion', gates: [] }));
    const log = server.versions('digits.fairlead');
    log[2]?.tags.set(tagOf.change, '{"type":');
    log[3]?.tags.set(tagOf.change, '{"type":"later"}');
    server.deleteVersion('digits.fairlead', '2');
    server.createVersion('digits.fairlead', { source: 'by hand' });
    const fresh = openStore(server);
    const { model } = await fresh.store.commit('digits', () => versionOf('two'));
    expect(model?.damage.map(({ file, kind }) => [file, kind])).toEqual([
      ['digits.fairlead/2', 'missing'],
      ['digits.fairlead/3', 'corrupt'],
      ['digits.fairlead/4', 'unknown-record'],
    ]);
    expect(model?.versions).toHaveLength(2);
    server.versions('digits.fairlead').at(-1)?.tags.set(tagOf.format, '2');
    await expect(readAnew(server)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('reads servers that know no IN, and refuses names that are those of logs', async () => {
    const server = await startServer();
    server.forgetIn();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    expect((await store.read('digits'))?.versions).toHaveLength(1);
    expect(await store.read('letters')).toBeUndefined();
    await expect(store.read('digits.fairlead')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    server.createModel('letters.fairlead');
    await expect(store.read('letters')).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('keeps nothing of a commit that was aborted, that nothing was to be done in, or whose decision threw', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    expect(await store.commit('digits', () => undefined)).toEqual({ model: undefined, change: undefined });
    await expect(
      store.commit('digits', () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const controller = new AbortController();
    const aborted = store.commit(
      'digits',
      () => {
        controller.abort();
        return versionOf('one');
      },
      { signal: controller.signal },
    );
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    expect(server.versions('digits')).toEqual([]);
    expect(server.versions('digits.fairlead')).toEqual([]);
  });

  it('begins anew with a log that was deleted and made again', async () => {
    const server = await startServer();
    const { store } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    server.models.delete('digits');
    server.models.delete('digits.fairlead');
    expect(await store.read('digits')).toBeUndefined();
    const { model } = await store.commit('digits', () => versionOf('two'));
    expect(model?.changes).toHaveLength(1);
  });
});

describe('a watch', () => {
  it('costs one request when nothing changed, and calls back after changes of this store and others', async () => {
    const server = await startServer();
    const { store, poll, polls, warnings } = openStore(server);
    await store.commit('digits', () => versionOf('one'));
    await store.read('digits');
    let calls = 0;
    const watch = store.watch('digits', () => calls++);
    const settle = async (): Promise<void> => {
      poll();
      while (polls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    const before = server.seen.length;
    await settle();
    expect(server.seen.length - before).toBe(1);
    expect(calls).toBe(0);
    await openStore(server).store.commit('digits', () => moveTo('1'));
    await settle();
    expect(calls).toBe(1);
    await store.commit('digits', () => moveTo(null, '1'));
    expect(calls).toBe(2);
    await settle();
    expect(calls).toBe(2);
    server.setAlias('digits', 'champion', '1');
    await settle();
    expect(calls).toBe(3);
    server.meet(() => 'fail');
    await settle();
    await settle();
    expect(warnings).toEqual([expect.stringContaining('Could not look for changes of "digits"')]);
    await watch.close();
    expect(polls).toHaveLength(0);
  });
});
