import { describe, expect, onTestFinished, test } from 'vitest';
import { startChild } from '../fixtures/child';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';

async function endBySignal(signal: 'SIGINT' | 'SIGTERM', mode: string) {
  const dir = await temporaryFolder();
  const child = startChild('log-until-signal.ts', dir, mode);
  const ids = (await child.line()).split(' ');
  child.process.kill(signal);
  const ended = await child.ended;
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  return { ended, runs: await Promise.all(ids.map((id) => tracker.getRun(id))) };
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

  test('a handler of the script hears the signal too, once, and decides how the process ends', {
    timeout: 30_000,
  }, async () => {
    const { ended, runs } = await endBySignal('SIGTERM', 'handled');
    expect(ended).toBe(7);
    expect(runs).toMatchObject([{ status: 'KILLED', metrics: { loss: { count: 10_000 } } }, { status: 'KILLED' }]);
  });
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
