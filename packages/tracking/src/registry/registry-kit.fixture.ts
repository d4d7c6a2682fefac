import { createVirtualClock } from '@fairlead/core/testing';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const evidence = { actor: 'ada', reason: 'because' };

/** A tracker that closes when the test ends. Its time stands still unless the test moves it. */
export async function open(dir: string, clock = createVirtualClock()): Promise<Tracker> {
  const tracker = await openTracker({ dir, clock, pollMs: 1000 });
  onTestFinished(() => tracker.close());
  return tracker;
}

/** A store with versions of `digits`, one for each accuracy, all by one author. */
export async function openVersions(...accuracies: readonly number[]) {
  const dir = await temporaryFolder();
  const clock = createVirtualClock();
  const tracker = await open(dir, clock);
  for (const [index, accuracy] of accuracies.entries()) {
    const draft = { artifact: bytesOf(`model ${index}`), metrics: { accuracy }, author: 'train.js' };
    await tracker.registry.registerVersion('digits', draft);
  }
  return { dir, clock, tracker, registry: tracker.registry };
}
