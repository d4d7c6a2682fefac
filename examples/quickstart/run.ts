import { fileURLToPath } from 'node:url';
import type { LocalRunner } from '@fairlead/core';
import { type Digits, modelFile, type TrainedModel } from './digits';
import { drive, throughBareSession, throughRunner } from './load';
import { count, faint, good, heading, line, ms, percent, progressBar, strong } from './terminal';

/** Callers that ask at the same time. */
export const callers = 64;
const passes = 400;
const warmUpPasses = 100;

/** Step 2: many callers at once, and the same callers on the bare runtime. */
export async function run(runner: LocalRunner, model: TrainedModel, test: Digits): Promise<void> {
  heading(2, 'Run');
  const { device, lanes, golden } = runner.describe();
  line('runner', `${runner.model.name}/${runner.model.version} warm on ${device}  ${faint(lanes.reason)}`);
  line('golden rows', golden);

  const ask = throughRunner(runner);
  const bar = progressBar(`${callers} callers`);
  await drive(ask, test, { callers, passes: warmUpPasses });
  const before = runner.describe().batching;
  const ours = await drive(ask, test, { callers, passes, onProgress: (share) => bar.update(share / 2) });
  const after = runner.describe().batching;
  const [askBare, close] = await throughBareSession(fileURLToPath(modelFile(model.file)));
  await drive(askBare, test, { callers, passes: warmUpPasses });
  const bare = await drive(askBare, test, { callers, passes, onProgress: (share) => bar.update(0.5 + share / 2) });
  await close();
  bar.end();

  const times = `${(ours.rowsPerSecond / bare.rowsPerSecond).toFixed(1)} ×`;
  const [p50, p95, p99] = ours.latencyMs.map(ms);
  line('requests', `${count(ours.requests)} from ${callers} callers, ${count(ours.failures)} failed`);
  line('accuracy', strong(percent(ours.accuracy)));
  line(
    'rows/s',
    `${strong(count(ours.rowsPerSecond))}  beside ${count(bare.rowsPerSecond)} on bare session.run: ${good(times)}`,
  );
  line('latency', `p50 ${p50}   p95 ${p95}   p99 ${p99}`);
  line('mean batch', `${((after.rows - before.rows) / (after.batches - before.batches)).toFixed(1)} rows`);
}
