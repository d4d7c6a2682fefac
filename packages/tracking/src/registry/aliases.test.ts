import { describe, expect, test } from 'vitest';
import { evidence, open, openVersions } from './registry-kit.fixture';

/** A registry with four versions, and short words for what happens to `champion`. */
async function openChampion() {
  const opened = await openVersions(0.1, 0.2, 0.3, 0.4);
  const { registry } = opened;
  return {
    ...opened,
    set: (version: string) => registry.setAlias('digits', 'champion', version, evidence),
    back: async () => (await registry.rollback('digits', 'champion', evidence)).to,
    remove: () => registry.deleteAlias('digits', 'champion', evidence),
  };
}

const nothing = { code: 'NOT_FOUND', message: expect.stringContaining('nothing to roll back to') };

describe('a rollback', () => {
  test('leads further back each time, and never to what was rolled back from', async () => {
    const { set, back } = await openChampion();
    for (const version of ['1', '2', '3']) await set(version);
    expect(await back()).toBe('2');
    await set('4');
    expect(await back()).toBe('2');
    expect(await back()).toBe('1');
    await expect(back()).rejects.toMatchObject(nothing);
    await set('3');
    expect(await back()).toBe('1');
  });

  test('after moves there and back retraces them', async () => {
    const { set, back } = await openChampion();
    for (const version of ['1', '2', '1', '3']) await set(version);
    expect([await back(), await back(), await back()]).toEqual(['1', '2', '1']);
    await expect(back()).rejects.toMatchObject(nothing);
  });

  test('passes over versions that were deleted', async () => {
    const { registry, set, back } = await openChampion();
    for (const version of ['1', '2', '1', '3', '4']) await set(version);
    await registry.deleteVersion('digits', '3', evidence);
    await registry.deleteVersion('digits', '2', evidence);
    expect(await back()).toBe('1');
    await expect(back()).rejects.toMatchObject(nothing); // 2 is gone, and 1 is where it stands
  });

  test('is kept as one, read by everybody, and told', async () => {
    const { dir, tracker, registry, set, clock } = await openChampion();
    const told: unknown[] = [];
    tracker.events.on('alias-move', (move) => told.push(move));
    await set('1');
    await set('2');
    await clock.advance(7);
    const data = { errorRate: 0.3 };
    const move = await registry.rollback('digits', 'champion', { actor: 'ada', reason: 'errors', data });
    expect(move).toEqual({
      alias: 'champion',
      from: '2',
      to: '1',
      rollback: true,
      evidence: { actor: 'ada', reason: 'errors', data },
      at: clock.epochMs(),
    });
    expect(told.at(-1)).toEqual({ name: 'digits', ...move });
    const other = await open(dir);
    expect((await other.registry.aliasHistory('digits', 'champion')).at(-1)).toEqual(move);
    await expect(other.registry.rollback('digits', 'champion', evidence)).rejects.toMatchObject(nothing);
  });

  test('by two at once happens once', async () => {
    const { dir, registry, set } = await openChampion();
    for (const version of ['1', '2', '3']) await set(version);
    const other = await open(dir);
    const tries = [registry, other.registry].map((each) =>
      each.rollback('digits', 'champion', evidence, { expected: '3' }),
    );
    const results = await Promise.allSettled(tries);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({ code: 'CONFLICT' });
    expect((await registry.getModel('digits')).aliases).toEqual({ champion: '2' });
  });

  test('of an alias that is not there names those that are', async () => {
    const { registry, set, back } = await openChampion();
    await set('1');
    await expect(back()).rejects.toMatchObject(nothing);
    await expect(registry.rollback('digits', 'shadow', evidence)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('"champion"'),
    });
  });
});

describe('an alias that is deleted', () => {
  test('is gone, with its history kept, and begins anew', async () => {
    const { dir, registry, set, back, remove } = await openChampion();
    await set('1');
    await set('2');
    expect(await remove()).toMatchObject({ from: '2', to: null });
    await expect(remove()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(registry.getVersion('digits@champion')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const other = await open(dir);
    expect((await other.registry.getModel('digits')).aliases).toEqual({});
    const history = await other.registry.aliasHistory('digits', 'champion');
    expect(history.map((move) => move.to)).toEqual(['1', '2', null]);
    await registry.setAlias('digits', 'champion', '3', evidence, { expected: null });
    await expect(back()).rejects.toMatchObject(nothing);
    await registry.deleteAlias('digits', 'champion', evidence, { expected: '3' });
    await set('1');
    await expect(registry.deleteAlias('digits', 'champion', evidence, { expected: '3' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  test('is told to who follows it, who goes on when it is there again', async () => {
    const { registry, set, remove } = await openChampion();
    await set('1');
    const control = registry.alias('digits', 'champion');
    const seen: string[] = [];
    let wake: () => void = () => undefined;
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const watch = control.watch((version) => {
      seen.push(version);
      wake();
    });
    await control.read();
    await remove();
    await expect(control.read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await set('2');
    await told;
    expect(seen).toEqual(['2']);
    await watch.close();
  });
});
