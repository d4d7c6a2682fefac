import { describe, expect, onTestFinished, test } from 'vitest';
import { startChild } from '../fixtures/child';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import { lostArtifactsText } from './artifact-log';

async function endBySignal(signal: 'SIGINT' | 'SIGTERM', mode: string) {
  const dir = await temporaryFolder();
  const child = startChild('log-until-signal.ts', dir, mode);
  const ids = (await child.line()).split(' ');
  child.process.kill(signal);
  const ended = await child.ended;
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  return { ended, warnings: child.errors(), runs: await Promise.all(ids.map((id) => tracker.getRun(id))) };
}

describe('with the option "signals"', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends every run as KILLED with all that it logged, and the process as if nobody had listened',
    { timeout: 30_000 },
    async (signal) => {
      const { ended, runs } = await endBySignal(signal, 'alone');
      expect(ended).toBe(signal);
      expect(runs).toMatchObject([
        { status: 'KILLED', metrics: { loss: { count: 10_000, last: 9999 } }, damage: [] },
        { status: 'KILLED', metrics: { loss: { count: 1 } }, damage: [] },
      ]);
      for (const run of runs) expect(run.endedAt).toBeGreaterThan(0);
    },
  );

  test('artifacts that were on their way are named in a tag and in the log, and the run does not have them', {
    timeout: 30_000,
  }, async () => {
    const { ended, runs, warnings } = await endBySignal('SIGTERM', 'uploading');
    expect(ended).toBe('SIGTERM');
    const [run, child] = runs;
    expect(run).toMatchObject({
      status: 'KILLED',
      tags: { lost_artifacts: '["curve.csv","weights/last.bin"]' },
      artifacts: [{ name: 'kept.txt' }],
    });
    expect(child?.tags).toEqual({});
    expect(warnings).toContain('before these artifacts were kept: curve.csv, weights/last.bin.');
  });

  test('a handler of the script hears the signal too, once, and decides how the process ends', {
    timeout: 30_000,
  }, async () => {
    const { ended, runs } = await endBySignal('SIGTERM', 'handled');
    expect(ended).toBe(7);
    expect(runs).toMatchObject([{ status: 'KILLED', metrics: { loss: { count: 10_000 } } }, { status: 'KILLED' }]);
  });
});

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

test('an artifact that arrives after the end is refused, so that the tag stays true', async () => {
  const dir = await temporaryFolder();
  const listeners = new Set(process.listeners('SIGHUP'));
  const tracker = await openTracker({ dir, signals: ['SIGHUP'], logger: quiet });
  // The host of the tests lives on, as a process does that has a handler of its own.
  const own = (): void => {};
  process.on('SIGHUP', own);
  onTestFinished(() => void process.removeListener('SIGHUP', own));
  const run = await tracker.startRun();
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const source = async function* (): AsyncGenerator<Uint8Array> {
    await arrived;
    yield Uint8Array.of(1);
  };
  const logged = run.logArtifact('late.bin', source());
  const refused = expect(logged).rejects.toMatchObject({ code: 'CLOSED', details: { given: 'late.bin' } });
  for (const listener of process.listeners('SIGHUP')) if (!listeners.has(listener)) listener('SIGHUP');
  expect(run.status).toBe('KILLED');
  arrive();
  await refused;
  await run.close();
  const resumed = await tracker.resumeRun(run.id);
  expect(await tracker.getRun(run.id)).toMatchObject({ artifacts: [], tags: { lost_artifacts: '["late.bin"]' } });
  await resumed.logArtifact('late.bin', Uint8Array.of(1));
  await resumed.complete();
  expect((await tracker.getRun(run.id)).artifacts).toMatchObject([{ name: 'late.bin', size: 1 }]);
  await tracker.close();
});

test('names that do not fit into a tag are counted', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `artifact-${i}.bin`);
  const text = lostArtifactsText(names, 500);
  expect(text.length).toBeLessThanOrEqual(500);
  const shown = JSON.parse(text) as string[];
  expect(shown.slice(0, -1)).toEqual(names.slice(0, shown.length - 1));
  expect(shown.at(-1)).toBe(`and ${1000 - (shown.length - 1)} more`);
  expect(lostArtifactsText(['a', 'b'], 100)).toBe('["a","b"]');
  expect(lostArtifactsText(['a'.repeat(200)], 100)).toBe('["1 artifacts"]');
});

test('without it nobody listens, and a tracker that closes leaves no listener behind', async () => {
  const count = () => process.listenerCount('SIGTERM');
  const before = count();
  const plain = await openTracker({ dir: await temporaryFolder() });
  expect(count()).toBe(before);
  const listening = await openTracker({ dir: await temporaryFolder(), signals: ['SIGTERM', 'SIGTERM'] });
  expect(count()).toBe(before + 1);
  await Promise.all([plain.close(), listening.close()]);
  expect(count()).toBe(before);
  await expect(openTracker({ dir: 'x', signals: ['SIGKILL'] as never })).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    details: { field: 'signals.0' },
  });
});
