import { execFile, fork } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FairleadError } from '@fairlead/core';
import { createRegistry, toOpenMetrics } from '@fairlead/core/metrics';
import { describe, expect, it } from 'vitest';
import { collectClusterMetrics, shareMetrics } from './index';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const fixture = fileURLToPath(new URL('fixtures/cluster.ts', import.meta.url));

/** The samples of an exposition whose names start so. */
function linesOf(text: string | undefined, ...starts: string[]): string[] {
  return (text ?? '').split('\n').filter((line) => starts.some((start) => line.startsWith(start)));
}

describe('a real cluster', () => {
  it('is one exposition, whatever happens to its workers', { timeout: 180_000 }, async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', fixture], { cwd: root });
    expect(stderr).toBe('');
    const steps = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { step: string; text: string })
        .map(({ step, text }) => [step, text]),
    );
    const shown = (step: string) =>
      linesOf(steps.get(step), 'calls_total', 'wait_', 'size', 'memory', 'fairlead_cluster').filter(
        (line) => !line.includes('_created'),
      );
    expect(linesOf(steps.get('alone'), 'restarts_total', 'fairlead_cluster')).toEqual([
      'restarts_total 1',
      'fairlead_cluster_workers 0',
    ]);
    const counted = (calls: number) => [
      `calls_total{code="200"} ${calls}`,
      `wait_bucket{le="1.0"} ${calls}`,
      `wait_bucket{le="+Inf"} ${calls}`,
      `wait_count ${calls}`,
      `wait_sum ${calls / 2}`,
    ];
    expect(shown('two')).toEqual([
      ...counted(7),
      'size 7',
      'memory{process="2"} 4',
      'memory{process="1"} 3',
      'fairlead_cluster_workers 2',
    ]);
    const invalid = 'fairlead_cluster_left_out_total{reason="invalid"} 1';
    expect(shown('killed')).toEqual([
      ...counted(7),
      'size 4',
      'memory{process="2"} 4',
      'fairlead_cluster_workers 1',
      invalid,
    ]);
    expect(shown('exited unscraped')).toEqual([
      ...counted(12),
      'size 4',
      'memory{process="2"} 4',
      'fairlead_cluster_workers 1',
      invalid,
    ]);
    expect(shown('disconnected unscraped')).toEqual([
      ...counted(18),
      'size 4',
      'memory{process="2"} 4',
      'fairlead_cluster_workers 1',
      invalid,
    ]);
    expect(shown('hanging')).toEqual([
      ...counted(18),
      'size 0',
      'memory{process="5"} 0',
      'fairlead_cluster_workers 1',
      invalid,
      'fairlead_cluster_left_out_total{reason="timeout"} 1',
    ]);
    expect(linesOf(steps.get('other version'), 'changed', 'calls_total')).toEqual([
      'calls_total{code="200"} 18',
      'changed{new="x"} 0',
    ]);
    expect(linesOf(steps.get('http gzip'), 'restarts_total', 'calls_total')).toEqual([
      'calls_total{code="200"} 18',
      'restarts_total 1',
    ]);
    expect(steps.get('http gzip')?.endsWith('# EOF\n')).toBe(true);
  });
});

it('counts once what a worker told after its exit and before its channel closed', async () => {
  const metrics = collectClusterMetrics();
  const registry = createRegistry();
  registry.counter({ name: 'calls', help: 'Calls.' }).bind().inc(3);
  registry.gauge({ name: 'size', help: 'Size.' }).bind().set(3);
  const worker = { id: 1 };
  try {
    cluster.emit('exit', worker, 0, null);
    cluster.emit('message', worker, { fairlead: 'metrics-answer', snapshot: registry.snapshot() });
    cluster.emit('disconnect', worker);
    await metrics.refresh();
    expect(linesOf(toOpenMetrics(metrics), 'calls_total', 'size', 'fairlead_cluster')).toEqual([
      'calls_total 3',
      'fairlead_cluster_workers 0',
    ]);
  } finally {
    await metrics.close();
  }
  expect(cluster.listenerCount('message') + cluster.listenerCount('disconnect')).toBe(0);
});

it('shares nothing from a process that is no worker of a cluster, and lets it end', { timeout: 60_000 }, async () => {
  const child = fork(fileURLToPath(new URL('fixtures/forked.ts', import.meta.url)), {
    cwd: root,
    execArgv: ['--import', 'tsx'],
  });
  const messages: unknown[] = [];
  child.on('message', (message) => void messages.push(message));
  try {
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(messages).toEqual(['shares']);
  } finally {
    child.kill();
  }
});

it('refuses options that it cannot use', () => {
  for (const [refused, field] of [
    [() => shareMetrics(createRegistry(), { pushIntervalMs: -1 }), 'pushIntervalMs'],
    [() => collectClusterMetrics({ timeoutMs: 0 }), 'timeoutMs'],
    [() => collectClusterMetrics({ port: 1 } as object), 'port'],
  ] as const) {
    let error: unknown;
    try {
      refused();
    } catch (thrown) {
      error = thrown;
    }
    expect(FairleadError.isInstance(error, 'INVALID_OPTION')).toBe(true);
    expect((error as FairleadError).details.field).toBe(field);
  }
});
