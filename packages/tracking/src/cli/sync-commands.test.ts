import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { startFakeMlflow } from '../mlflow/fake-mlflow.fixture';
import { openTracker } from '../open-tracker';
import { importCommand } from './import-command';
import { runCommandLine } from './run-command-line';
import { syncCommand } from './sync-command';

async function command(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
  };
  const status = await runCommandLine(args, [syncCommand, importCommand], '1.0.0', io);
  return { status, out, err };
}

test('sync sends a folder and import fetches it into another', async () => {
  await using server = await startFakeMlflow();
  const [dir, copy] = [await temporaryFolder(), await temporaryFolder()];
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  const id = await tracker.withRun({ experiment: 'digits', params: { lr: 0.1 } }, async (run) => {
    run.log({ loss: Number.NaN }, { step: 3 });
    await run.logArtifact('a.bin', new TextEncoder().encode('bytes'));
    return run.id;
  });
  expect(await command('sync', dir, '--to', server.url)).toEqual({
    status: 0,
    out: '1 run sent (1 point, 1 artifact of 5 bytes).\n',
    err: '',
  });
  expect((await command('sync', dir, '--to', server.url)).out).toBe('0 runs sent (0 points), 1 had nothing new.\n');
  expect((await command('import', copy, '--from', server.url)).out).toBe(
    '1 run fetched (1 point, 1 artifact of 5 bytes).\n',
  );
  const asked = server.seen.length;
  expect((await command('import', copy, '--from', server.url)).out).toBe(
    '0 runs fetched (0 points), 1 had nothing new.\n',
  );
  const again = server.seen.slice(asked).map(({ url }) => url.replace(/\?.*/, ''));
  expect(again.filter((url) => !/experiments\/search|runs\/search/.test(url))).toEqual([]);

  const fetched = await openTracker({ dir: copy });
  onTestFinished(() => fetched.close());
  const { metrics, params, artifacts } = await tracker.getRun(id);
  const run = await fetched.getRun(id);
  expect(run).toMatchObject({ experiment: 'digits', status: 'FINISHED', params, metrics });
  expect(run.artifacts.map(({ name, digest }) => [name, digest])).toEqual(
    artifacts.map(({ name, digest }) => [name, digest]),
  );
});

test('what cannot be done says why, and the status tells', async () => {
  await using server = await startFakeMlflow();
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  await tracker.withRun({ tags: { note: 'x'.repeat(9000) } }, () => undefined);
  const failed = await command('sync', dir, '--to', server.url);
  expect([failed.status, failed.out]).toEqual([1, expect.stringContaining('1 failed')]);
  for (const args of [
    ['sync', `${dir}/nothing`, '--to', server.url],
    ['sync', dir, '--run', 'a', '--experiment', 'b'],
    ['sync', dir, 'another'],
    ['import', dir, '--artifacts', 'some'],
  ]) {
    expect((await command(...args)).status).toBe(2);
  }
  expect(await command('import', dir, '--from', server.url, '--experiment', 'nope')).toMatchObject({
    status: 1,
    err: expect.stringContaining('"nope"'),
  });
  for (const [name, option] of [
    ['sync', '--to'],
    ['import', '--from'],
  ] as const) {
    const [none, wrong] = [await command(name, dir), await command(name, dir, option, 'ftp://x')];
    expect(none).toMatchObject({ status: 2, err: expect.stringContaining(`Say which server: ${option} <url>`) });
    expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining(`${option} must be`) });
  }
});
