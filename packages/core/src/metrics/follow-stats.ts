import { type Closeable, closeable } from '../lifecycle';
import type { ModelRunner } from '../runner/runner';
import type { CounterHandle } from './counter';
import type { GaugeHandle } from './gauge';
import { labelsOf, type ModelLabels } from './model-labels';
import type { Registry } from './registry';

/** A number of a stage around a runner, and the series of each model that it is written to. */
export interface StatSource<H> {
  read(): number;
  bind(labels: ModelLabels): H;
}

/** The numbers of a stage. */
export interface StatSources {
  /** Those that only grow. */
  readonly counters: readonly StatSource<CounterHandle>[];
  /** Those that go up and down; several stages of one model add up. */
  readonly gauges: readonly StatSource<GaugeHandle>[];
  /** Writes what is no number, whenever numbers are written. */
  onWrite?(labels: ModelLabels): void;
  /** Takes it out again. */
  onLeave?(labels: ModelLabels): void;
}

/**
 * Writes the numbers of a stage each time a registry is collected. What was counted until a swap counts for the model
 * before it; gauges go over to the model after it.
 *
 * @returns closing it writes once more and takes the gauges back
 */
export function followStats(
  registry: Registry,
  runner: Pick<ModelRunner, 'model' | 'events'>,
  { counters, gauges, onWrite, onLeave }: StatSources,
): Closeable {
  const counted = counters.map(() => 0);
  const shown = gauges.map(() => 0);
  let labels = labelsOf(runner.model);

  const count = (): void => {
    for (const [index, { read, bind }] of counters.entries()) {
      const now = read();
      bind(labels).inc(now - (counted[index] as number));
      counted[index] = now;
    }
  };
  const show = (numberOf: (source: StatSource<GaugeHandle>) => number): void => {
    for (const [index, source] of gauges.entries()) {
      const now = numberOf(source);
      source.bind(labels).inc(now - (shown[index] as number));
      shown[index] = now;
    }
  };
  const leave = (): void => {
    count();
    show(() => 0);
    onLeave?.(labels);
  };
  const write = (): void => {
    const present = labelsOf(runner.model);
    if (present.model_name !== labels.model_name || present.model_version !== labels.model_version) {
      leave();
      labels = present;
    }
    count();
    show(({ read }) => read());
    onWrite?.(labels);
  };

  write();
  const stops = [registry.onCollect(write), runner.events.on('model-swap', write)];
  return closeable(() => {
    for (const stop of stops) stop();
    leave();
  });
}
