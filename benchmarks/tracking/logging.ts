import { runChild } from '../lib/child';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import type { CallFigures, LoopFigures, MemoryFigures, ThroughputFigures } from './logging.process';
import { measurePeer } from './peer';

const file = new URL('./logging.process.ts', import.meta.url);
const points = 1_000_000;
const MiB = 2 ** 20;

/** What logging costs the caller and the event loop, how many points it keeps a second, and what memory it takes. */
export async function measureLogging({ rounds, note }: SuiteContext, folder: string): Promise<Result[]> {
  note('run.log: time of a call');
  const calls = await runChild<CallFigures>(file, ['calls', folder, String(rounds)]);
  note('event loop while logging');
  const loop = await runChild<LoopFigures>(file, ['loop', folder, String(Math.min(rounds, 3))]);
  note('points to the disk, beside MLflow');
  const rates: number[] = [];
  const peers: number[] = [];
  let label = '';
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    rates.push((await runChild<ThroughputFigures>(file, ['throughput', folder, String(points)])).pointsPerSecond);
    const peer = await measurePeer(folder, note);
    if (peer === undefined) continue;
    peers.push(peer.pointsPerSecond);
    label = peer.label;
  }
  note('memory over ten million points');
  const memory = await runChild<MemoryFigures>(file, ['memory', folder]);
  const rate = median(rates);
  return [
    { name: 'run.log: p50 of a call', value: calls.p50, unit: 'µs', goal: '<= 1' },
    { name: 'run.log: p99 of a call', value: calls.p99, unit: 'µs' },
    { name: 'run.log: p99.9 of a call', value: calls.p999, unit: 'µs', goal: '<= 1000' },
    { name: 'run.log: longest call', value: calls.most, unit: 'µs' },
    { name: 'event loop: p99 delay while logging', value: loop.logging - loop.idle, unit: 'ms', goal: '<= 5' },
    { name: 'event loop: p99 delay when idle, taken off above', value: loop.idle, unit: 'ms' },
    { name: 'event loop: p99 delay while as busy with something else', value: loop.busy, unit: 'ms' },
    { name: 'event loop: points logged meanwhile', value: loop.pointsPerSecond, unit: 'points/s' },
    { name: 'points to the disk, a flush waited for every 1000', value: rate, unit: 'points/s', goal: '>= 1e6' },
    ...(peers.length === 0
      ? []
      : [
          { name: label, value: median(peers), unit: 'points/s' },
          {
            name: `points to the disk, by those of ${label}`,
            value: rate / median(peers),
            unit: 'ratio',
            goal: '>= 100',
          },
        ]),
    {
      name: 'ten million points: growth of RSS',
      value: (memory.after - memory.before) / MiB,
      unit: 'MiB',
      goal: '<= 64',
    },
    {
      name: 'ten million points: growth of RSS at its highest',
      value: (memory.most - memory.before) / MiB,
      unit: 'MiB',
    },
  ];
}
