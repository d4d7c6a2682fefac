import type { LocalRunner } from '@fairlead/core';
import type { Tracker } from '@fairlead/tracking';
import type { Digits } from './digits';
import { drive, throughRunner } from './load';
import { callers } from './run';
import { count, good, heading, line, percent, progressBar, strong } from './terminal';
import type { Versions } from './track';

/** Step 3: the alias moves to the better version while requests are in flight. */
export async function swap(runner: LocalRunner, tracker: Tracker, versions: Versions, test: Digits): Promise<number> {
  heading(3, 'Swap under load');
  const { better } = versions;
  const swapped = new Promise<void>((resolve) => void runner.events.once('model-swap', () => resolve()));
  const moveAlias = async (): Promise<void> => {
    const evidence = { actor: 'quickstart', reason: 'better on the held-out rows', data: { ...better.metrics } };
    await tracker.registry.setAlias('digits', 'champion', better.version, evidence);
  };
  const bar = progressBar('swapping');
  const ask = throughRunner(runner);
  let moved: Promise<void> | undefined;
  const during = { requests: 0, failures: 0, byVersion: new Map<string, number>() };
  // One round of all rows after another, until the runner has changed.
  for (let swapDone = false; !swapDone; ) {
    const report = await drive(ask, test, { callers, passes: 20 });
    during.requests += report.requests;
    during.failures += report.failures;
    for (const [version, answers] of report.byVersion) {
      during.byVersion.set(version, (during.byVersion.get(version) ?? 0) + answers);
    }
    moved ??= moveAlias();
    swapDone = runner.model.version === better.version;
    bar.update(swapDone ? 1 : 0.5);
  }
  await Promise.all([moved, swapped]);
  const after = await drive(ask, test, { callers, passes: 20 });
  bar.end();

  const answers = [...during.byVersion].map(([version, rows]) => `digits/${version} ${count(rows)}`).join(', ');
  const failures = during.failures + after.failures;
  line('digits@champion', `→ digits/${better.version}, ${count(during.requests)} requests meanwhile`);
  line('answered by', answers);
  line('failed', failures === 0 ? good('none') : strong(count(failures)));
  line('accuracy', `${strong(percent(after.accuracy))} with digits/${runner.model.version}`);
  return after.accuracy;
}
