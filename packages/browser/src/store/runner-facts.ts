import { type Clock, type DeviceFallback, type ModelInfo, type ModelRunner, messageOf } from '@fairlead/core';
import type { ModelSnapshot, RunnerNote } from './snapshot';

/** What a snapshot shows of a runner. */
type RunnerDetails = Pick<ModelSnapshot<unknown>, 'model' | 'device' | 'fallbacks' | 'health'>;

/**
 * What a runner says of itself now. Fields that are as `before` showed them are the same objects, so that what shows them
 * need not be drawn anew.
 */
export function detailsOf(runner: ModelRunner, before: RunnerDetails): RunnerDetails {
  const { model } = runner;
  const { device, fallbacks = [] } = descriptionOf(runner);
  return {
    model: isSame(before.model, model) ? before.model : model,
    device,
    fallbacks: isSame(before.fallbacks, fallbacks) ? before.fallbacks : fallbacks,
    health: runner.health?.().status,
  };
}

/** Local runners tell their device; a remote one has none of this page's. */
function descriptionOf(runner: ModelRunner): { device?: string; fallbacks?: readonly DeviceFallback[] } {
  const { describe } = runner as { describe?: () => { device?: unknown; fallbacks?: unknown } };
  const { device, fallbacks } = describe?.() ?? {};
  return {
    ...(typeof device === 'string' ? { device } : {}),
    ...(Array.isArray(fallbacks) ? { fallbacks: fallbacks as DeviceFallback[] } : {}),
  };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Tells of what happens inside a runner; the function that comes back ends that. Fallbacks are read from its description
 * instead, so that it still warns of one that nobody listens to.
 */
export function followRunner(runner: ModelRunner, clock: Clock, tell: (note: RunnerNote) => void): () => void {
  const note = (name: RunnerNote['name'], text: string): void => tell({ name, text, atEpochMs: clock.epochMs() });
  const { events } = runner;
  const stops = [
    events.on('lane-lost', ({ lane, error }) => note('lane-lost', `${lane} died: ${messageOf(error)}`)),
    events.on('lane-restart', ({ lane }) => note('lane-restart', `${lane} works again.`)),
    events.on('worker-recycled', ({ memoryBytes }) => {
      note('worker-recycled', `A worker of ${Math.round(memoryBytes / 2 ** 20)} MiB was replaced by a new one.`);
    }),
    events.on('model-swap', ({ from, to }) => note('model-swap', `${nameOf(to)} took the place of ${nameOf(from)}.`)),
    events.on('model-swap-fail', ({ from, to, error }) => {
      const next = to === undefined ? 'The next model' : nameOf(to);
      note('model-swap-fail', `${next} did not take the place of ${nameOf(from)}: ${messageOf(error)}`);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function nameOf({ name, version }: ModelInfo): string {
  return `${name} ${version}`;
}
