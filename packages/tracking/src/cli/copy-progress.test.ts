import { FairleadError } from '@fairlead/core';
import { expect, test } from 'vitest';
import type { SyncProgress } from '../sync/sync-report';
import { createCopyProgress, reportLines } from './copy-progress';

function collect(isTTY: boolean) {
  let text = '';
  const stdout = { isTTY, write: (part: string) => (text += part) };
  return { io: { stdout }, said: () => text };
}

function progress(done: number, name = 'calm-otter'): SyncProgress {
  const run = { id: 'a'.repeat(32), name, experiment: 'digits' };
  return { run, done, total: 4, failed: 0, points: 1200, artifacts: 1, bytes: 2048 };
}

test('on a terminal one line changes, no longer than the terminal and free of control characters, and goes at the end', () => {
  let now = 0;
  const { io, said } = collect(true);
  const view = createCopyProgress(io, () => now);
  view.show(progress(2));
  expect(said()).toBe('\r\u001b[2K██████████░░░░░░░░░░ 2/4  1200 points, 1 artifact of 2.0 KiB  calm-otter');
  now = 50;
  view.show(progress(3));
  expect(said()).not.toContain('3/4');
  view.show(progress(4, `\u001b[31m${'x'.repeat(200)}`));
  const last = said().split('\r\u001b[2K').at(-1) ?? '';
  expect([...last]).toHaveLength(79);
  expect(last).not.toContain('\u001b');
  view.end();
  view.end();
  expect(said().endsWith('…\r\u001b[2K')).toBe(true);
});

test('elsewhere there is a plain line now and then', () => {
  let now = 0;
  const { io, said } = collect(false);
  const view = createCopyProgress(io, () => now);
  view.show(progress(1));
  now = 10_000;
  view.show(progress(2));
  view.show(progress(4));
  view.end();
  expect(said()).toBe('2 of 4 runs: 1200 points, 1 artifact of 2.0 KiB so far\n');
});

test('the report says what came to be, and what did not and why', () => {
  const error = new FairleadError('LIMIT_EXCEEDED', 'The tag is too long.');
  const sent = { points: 1, artifacts: 0, bytes: 0 };
  expect(reportLines({ runs: 1, unchanged: 0, ...sent, failed: [] }, 'sent')).toBe('1 run sent (1 point).\n');
  expect(reportLines({ runs: 2, unchanged: 3, ...sent, failed: [{ id: 'abc', error }] }, 'fetched')).toBe(
    'abc failed: The tag is too long.\n2 runs fetched (1 point), 3 had nothing new, 1 failed; the next time goes on from there.\n',
  );
});
