import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openTracker, type Tracker } from '@fairlead/tracking';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startMlflow } from './mlflow-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };
const script = fileURLToPath(new URL('mlflow_registry.py', import.meta.url));
const evidence = { actor: 'ada', reason: 'because' };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe.skipIf(missing !== undefined)('the registry on a real MLflow server', { timeout: 120_000 }, () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;

  beforeAll(async () => {
    server = await startMlflow(command);
  }, 180_000);
  afterAll(() => server?.stop());

  const python = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await promisify(execFile)(command, [script, server.url, ...args]);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  };

  const open = async (adopt: 'aliased' | 'all' = 'aliased'): Promise<Tracker> => {
    const tracker = await openTracker({ mlflow: { url: server.url, auth: 'none' }, pollMs: 100, adopt });
    onTestFinished(() => tracker.close());
    return tracker;
  };

  it('loses no commit of several writers', async () => {
    const trackers = await Promise.all(Array.from({ length: 4 }, () => open()));
    const [first] = trackers as [Tracker];
    const { version } = await first.registry.registerVersion('raced', { artifact: bytesOf('one') });
    const writers = trackers.flatMap(({ registry }, writer) =>
      Array.from({ length: 5 }, (_, index) =>
        registry.annotate('raced', version, { tags: { [`w${writer}.${index}`]: 'kept' } }, evidence),
      ),
    );
    const registered = trackers.map(({ registry }, writer) =>
      registry.registerVersion('raced', { artifact: bytesOf(`by ${writer}`) }),
    );
    const numbers = (await Promise.all(registered)).map((made) => made.version);
    await Promise.all(writers);
    const model = await (await open()).registry.getModel('raced');
    expect(model.damage).toEqual([]);
    expect(model.versions).toHaveLength(5);
    expect(new Set(numbers).size).toBe(4);
    expect(Object.keys(model.versions[0]?.tags ?? {})).toHaveLength(20);
    expect(await first.registry.audit('raced')).toHaveLength(25);
  });

  it('lets one of many moves from the same place through', async () => {
    const trackers = await Promise.all(Array.from({ length: 4 }, () => open()));
    const [first] = trackers as [Tracker];
    for (const text of ['a', 'b', 'c', 'd', 'e'])
      await first.registry.registerVersion('moved', { artifact: bytesOf(text) });
    await first.registry.setAlias('moved', 'champion', '1', evidence);
    const moves = await Promise.allSettled(
      trackers.map(({ registry }, at) =>
        registry.setAlias('moved', 'champion', String(at + 2), evidence, { expected: '1' }),
      ),
    );
    const won = moves.flatMap((move) => (move.status === 'fulfilled' ? [move.value.to] : []));
    expect(won).toHaveLength(1);
    for (const move of moves) if (move.status === 'rejected') expect(move.reason).toMatchObject({ code: 'CONFLICT' });
    expect((await python('see', 'moved', 'champion')).aliases).toEqual({ champion: won[0] });
  });

  it('is seen by MLflow: versions, aliases, and the bytes by models:/digits@champion', async () => {
    const { registry, ...tracker } = await open();
    const run = await tracker.startRun({ experiment: 'digits' });
    const logged = await run.logArtifact('model/digits.onnx', bytesOf('the bytes of a run'));
    await run.complete();
    await run.close();
    await registry.registerVersion('digits', {
      artifact: logged.digest as string,
      run: run.id,
      description: 'reads digits',
      tags: { team: 'vision' },
      metrics: { accuracy: 0.9 },
      author: 'train.js',
    });
    const sidecars = { card: bytesOf('# A card') };
    await registry.registerVersion('digits', {
      artifact: bytesOf('given bytes'),
      metrics: { accuracy: 0.95 },
      sidecars,
    });
    await registry.setAlias('digits', 'champion', '1', evidence);
    const before = await python('see', 'digits', 'champion');
    expect(before).toMatchObject({
      models: expect.arrayContaining(['digits', 'digits.fairlead']),
      aliases: { champion: '1' },
      versions: { 1: ['reads digits', { team: 'vision' }, expect.stringMatching(/^[0-9a-f]{32}$/)] },
      files: { 'digits.onnx': 'the bytes of a run' },
    });
    await registry.approve('digits', '2', { actor: 'grace', reason: 'read the card' });
    await registry.promote('digits', 'champion', '2', evidence, {
      gates: [
        { kind: 'metric', metric: 'accuracy', min: 0.9, minChange: 0 },
        { kind: 'approvals', count: 1 },
      ],
    });
    const after = await python('see', 'digits', 'champion');
    expect(after).toMatchObject({ aliases: { champion: '2' }, files: { blob: 'given bytes' } });
    await registry.rollback('digits', 'champion', evidence);
    expect((await python('see', 'digits', 'champion')).aliases).toEqual({ champion: '1' });
    // Another process has the bytes and what travels with them.
    const other = await open();
    const loaded = await other.registry.model('digits/2').resolve({});
    expect(textOf(loaded.bytes)).toBe('given bytes');
    expect(textOf((await loaded.sidecar?.('card')) as Uint8Array)).toBe('# A card');
    expect(textOf((await other.registry.model('digits@champion').resolve({})).bytes)).toBe('the bytes of a run');
    expect((await other.registry.models()).map(({ name }) => name)).not.toContain('digits.fairlead');
    expect((await tracker.experiments()).map(({ name }) => name)).not.toContain('fairlead');
  });

  it('hears what Python moves and deletes, with its history', async () => {
    const { registry } = await open();
    for (const text of ['one', 'two']) await registry.registerVersion('watched', { artifact: bytesOf(text) });
    await registry.setAlias('watched', 'champion', '1', evidence);
    const control = registry.alias('watched', 'champion');
    await control.read();
    const heard = new Promise<string>((resolve) => {
      const watch = control.watch(resolve);
      onTestFinished(() => watch.close());
    });
    await python('move', 'watched', 'champion', '2');
    expect(await heard).toBe('2');
    expect((await registry.aliasHistory('watched', 'champion')).at(-1)).toMatchObject({
      from: '1',
      to: '2',
      evidence: { actor: 'mlflow' },
    });
    expect((await registry.rollback('watched', 'champion', evidence)).to).toBe('1');
    await python('delete', 'watched', '2');
    expect((await registry.getModel('watched')).versions.map(({ version }) => version)).toEqual(['1']);
    expect((await registry.audit('watched')).at(-1)).toMatchObject({ type: 'delete', evidence: { actor: 'mlflow' } });
  });

  it('adopts what Python registers, by what its MLmodel file says', async () => {
    const mlmodel =
      'flavors:\n  onnx:\n    data: nested/net.onnx\n  python_function:\n    loader_module: mlflow.onnx\n';
    const onnx = ['MLmodel', mlmodel, 'nested/net.onnx', 'the net', 'nested/other.onnx', 'another'];
    const made = await python('register', 'adopted', 'champion', ...onnx);
    const { registry } = await open();
    const version = await registry.getVersion('adopted@champion');
    expect(version).toMatchObject({ version: made.version, run: made.run, description: 'by Python', author: 'mlflow' });
    expect(textOf((await registry.model('adopted@champion').resolve({})).bytes)).toBe('the net');
    // Who comes later reads it from the log.
    expect(textOf((await (await open()).registry.model('adopted/1').resolve({})).bytes)).toBe('the net');

    const pickled = [
      'MLmodel',
      'flavors:\n  python_function:\n    data: x\n',
      'conda.yaml',
      'name: x\n',
      'model.pkl',
      'pickled',
    ];
    await python('register', 'pyfunc', 'champion', ...pickled);
    expect(textOf((await registry.model('pyfunc@champion').resolve({})).bytes)).toBe('pickled');
  });
});
