import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { openTracker } from '@fairlead/tracking';
import { emitOpenLineage, type OpenLineageRunEvent } from '@fairlead/tracking/openlineage';
import { describe, expect, onTestFinished, test } from 'vitest';
import { prepareOpenLineage } from './setup';

const python = prepareOpenLineage();

async function readByOpenLineage(command: string, events: readonly OpenLineageRunEvent[]): Promise<unknown> {
  const script = fileURLToPath(new URL('openlineage_read.py', import.meta.url));
  const child = spawn(command, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answer = text(child.stdout);
  child.stdin.end(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const [status] = await once(child, 'close');
  expect(status).toBe(0);
  return JSON.parse(await answer);
}

describe.skipIf(python.missing !== undefined)("OpenLineage's own client", () => {
  const command = python.missing === undefined ? python.command : '';

  test('takes our events, facet by facet', { timeout: 60_000 }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'fairlead-openlineage-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const tracker = await openTracker({ dir });
    onTestFinished(() => tracker.close());
    const events: OpenLineageRunEvent[] = [];
    const emitter = emitOpenLineage(tracker, {
      namespace: 'research',
      transport: async (event) => void events.push(event),
    });
    const parent = await tracker.startRun({ experiment: 'digits' });
    const failing = tracker.withRun({ experiment: 'digits', parent }, async (run) => {
      run.log({ loss: Number.POSITIVE_INFINITY });
      run.setTags({
        'git.commit': 'c0ffee',
        'git.remote': 'https://example.com/x.git',
        'git.branch': 'main',
        runtime: 'node 24.1.0',
      });
      const schema = [{ name: 'pixels', type: 'float32' }];
      await run.logDataset({
        name: 'mnist',
        digest: 'a'.repeat(64),
        context: 'training',
        source: 'mnist.csv',
        rows: 60_000,
        schema,
      });
      const { version } = await tracker.registry.registerVersion('digits', { artifact: Uint8Array.of(1), run: run.id });
      await run.useModel(`digits/${version}`);
      throw new Error('enough');
    });
    await expect(failing).rejects.toThrow('enough');
    await parent.complete();
    await emitter.close();
    const told = { job: 'digits', schema: true };
    expect(await readByOpenLineage(command, events)).toMatchObject([
      { state: 'START', ...told },
      { state: 'START', ...told },
      {
        state: 'FAIL',
        ...told,
        inputs: ['mnist', 'models/digits'],
        outputs: ['models/digits'],
        unknown: ['fairlead_run', 'fairlead_context', 'fairlead_model', 'fairlead_model'],
      },
      { state: 'COMPLETE', ...told, runId: events[0]?.run.runId },
    ]);
  });
});
